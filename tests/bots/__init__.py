"""Tests of the talking layer."""
