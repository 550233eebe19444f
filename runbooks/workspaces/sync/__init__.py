"""Keeping a repository the same as its remote: pushed after each operation, pulled when asked, never forced."""
