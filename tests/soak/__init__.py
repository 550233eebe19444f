"""The soak: an installation under an even load for hours, watched for what grows. `python -m tests.soak` runs it."""
