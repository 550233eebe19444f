"""Tests of chat commands that are documents in a repository."""
