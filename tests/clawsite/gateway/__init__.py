"""The gateway's server side."""
