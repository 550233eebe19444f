"""One package for each kind of channel."""
