"""Tests of charts as pictures."""
