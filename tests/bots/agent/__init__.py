"""The agent: against the emulated model over the real SDK, and its pure parts alone."""
