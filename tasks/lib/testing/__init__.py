"""The phase test: pytest as a choice of the tests, what it found, and what that says."""
