"""Tests of the self alerts."""
