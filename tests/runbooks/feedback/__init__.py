"""What people thought of jobs."""
