"""Incidents: what is drafted of one, and what the project has written down."""
