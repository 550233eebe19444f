"""Units of long work, what happened in them, and when they are due."""
