"""Tests of what is asked of monitored systems."""
