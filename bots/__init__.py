"""Talk: from a message to its answer."""
