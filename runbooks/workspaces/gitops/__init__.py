"""Chat commands that are documents in a project's repository, and the change requests that they make."""
