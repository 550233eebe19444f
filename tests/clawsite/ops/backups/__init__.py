"""Backups: made, opened, checked, restored, and what must not come through."""
