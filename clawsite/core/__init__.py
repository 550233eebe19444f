"""The floor: what every layer needs."""
