"""Tests of the gateway's adapter."""
