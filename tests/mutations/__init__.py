"""Commands that break what ships, one way at a time, and look whether a test says so."""
