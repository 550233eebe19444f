"""Management commands of the system."""
