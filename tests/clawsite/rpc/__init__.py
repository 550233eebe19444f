"""The client of the gateway, against a scripted gateway."""
