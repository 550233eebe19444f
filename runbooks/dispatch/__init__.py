"""Brings jobs to other gateways and mirrors what happens to them there into our own rows, which are the truth."""
