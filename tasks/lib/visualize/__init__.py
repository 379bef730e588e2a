"""Dashboards: the files they are kept in, what their panels ask, and whether that has an answer."""
