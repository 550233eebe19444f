"""May: every yes or no, and its record."""
