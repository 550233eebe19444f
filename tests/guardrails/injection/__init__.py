"""Tests of injection detection."""
