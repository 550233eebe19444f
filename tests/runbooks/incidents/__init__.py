"""Incidents: actions, timelines, and who follows them."""
