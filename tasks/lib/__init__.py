"""What the phases share. It knows no phase and prints nothing that it was not asked to print."""
