"""A real server: what it must have, and how it comes to have it."""
