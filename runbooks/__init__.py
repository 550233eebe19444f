"""Do: what happens on purpose, on an alert or on a schedule."""
