"""Strategies that decide which history reaches the model."""
