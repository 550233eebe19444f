"""Chat commands, one file for each group."""
