"""Tests of the detector, its rows and its watch."""
