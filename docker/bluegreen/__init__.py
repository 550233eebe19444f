"""Changes the running version without a gap. Python's own library only: it runs on the host, outside any release."""
