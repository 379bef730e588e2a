"""What the service, and the recipes themselves, tell of themselves: where it is kept, by which
names, and how it is asked for."""
