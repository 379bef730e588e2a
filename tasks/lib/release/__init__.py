"""What `inv release` is made of: it reads the world, decides on a version, and acts."""
