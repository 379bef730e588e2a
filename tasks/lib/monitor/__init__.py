"""The phase monitor: how the service does now, what it has done, and what is noted of it."""
