"""The Messages API emulator against the real SDK."""
