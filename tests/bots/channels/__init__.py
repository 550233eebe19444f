"""Tests of bots.channels."""
