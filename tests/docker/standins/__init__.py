"""Programs that stand for others where those cannot be had, or would take too long."""
