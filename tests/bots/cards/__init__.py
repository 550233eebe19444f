"""Cards: messages that change in place."""
