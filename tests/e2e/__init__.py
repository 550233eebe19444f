"""Tests of the whole product through the doors its users have."""
