"""Projects: where they are, who may do what in them, and everything that changes them."""
