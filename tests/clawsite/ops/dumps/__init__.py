"""Tests of looks into running roles."""
