"""Keeping the processes alive and telling how they are."""
