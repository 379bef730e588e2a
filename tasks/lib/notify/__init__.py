"""Telling people and boards that something was deployed or rolled back; it never fails what it
tells of, and never holds it up for longer than its limit."""
