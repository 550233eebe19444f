"""Tests that break the running system."""
