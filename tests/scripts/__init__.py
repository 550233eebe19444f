"""Tests of the root commands and of what they source."""
