"""Bringing these recipes into another repository, and updating them there."""
