"""Files that people send to a chat, on their way into its project."""
