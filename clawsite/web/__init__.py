"""Pages, web chat and health answers."""
