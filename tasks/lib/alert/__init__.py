"""Alerts: what the rules say, whom they reach, who answered, and what they were worth."""
