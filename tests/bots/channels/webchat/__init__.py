"""Tests of the web chat adapter."""
