"""Telegram keeps the contract of every channel."""

from __future__ import annotations

from bots.channels.testing import AdapterContract


class TestTelegramContract(AdapterContract):
    """The suite against the emulator."""
