"""Serve: how the system is configured, reached and operated."""
