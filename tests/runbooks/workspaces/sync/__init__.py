"""Tests of the exchange with remotes."""
