"""Runbooks: as text, as rows, and running."""
