"""What `inv lint` runs, how the tools' own words are read back, and what is told of them."""
