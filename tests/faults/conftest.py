"""Fixtures of the faults: the bots role in the test's own event loop, for faults that need no process to die."""

from __future__ import annotations

from tests.bots.conftest import flow

__all__ = ["flow"]
