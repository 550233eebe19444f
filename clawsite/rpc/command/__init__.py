"""`rpc METHOD [JSON]` at the terminal: `manage.py rpc`, or `python -m clawsite.rpc` without Django."""
