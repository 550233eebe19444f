"""Loopback emulators of the outside services, and real services started for a test session."""
