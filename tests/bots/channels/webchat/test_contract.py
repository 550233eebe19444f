"""The web chat keeps the contract of every channel."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from bots.channels.base import Account, Address, InboundFile
from bots.channels.testing import AdapterContract
from bots.channels.updates import UPLOADS
from bots.channels.webchat.adapter import WebchatAdapter

VISITOR = "visitor:1"


class WebchatPlatform:
    """A page with one visitor; what the bot sends is rows, which the adapter does not see."""

    def account(self) -> Account:
        return Account(channel_id=3, name="web")

    def address(self) -> Address:
        return Address(chat_id=VISITOR)

    def raw_message(self, text: str) -> Mapping[str, Any]:
        return {"id": str(uuid.uuid4()), "visitor": VISITOR, "name": "Alice", "text": text, "date": 1.5e9}

    def raw_press(self, data: str) -> Mapping[str, Any]:
        return {"id": str(uuid.uuid4()), "visitor": VISITOR, "callback": data}

    def malformed(self) -> Sequence[Mapping[str, Any]]:
        good = self.raw_message("x")
        files = [{"ref": ref, "kind": "document"} for ref in ("", "x", "other/a", f"{VISITOR}/../b", f"{VISITOR}/..")]
        return [
            {},
            {**good, "id": "1"},
            {**good, "id": 7},
            {**good, "visitor": ""},
            {**good, "visitor": "../x"},
            {**good, "visitor": "x" * 65},
            *({**good, "files": [file]} for file in files),
        ]

    def say(self, text: str) -> None:
        raise AssertionError("the web chat is not polled")

    def offer_file(self, content: bytes) -> InboundFile:
        folder = Path(settings.MEDIA_ROOT) / UPLOADS / VISITOR
        folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        (folder / name).write_bytes(content)
        return InboundFile(kind="document", ref=f"{VISITOR}/{name}")

    def shown(self) -> None:
        return None


@pytest.fixture
def platform() -> WebchatPlatform:
    """The page."""
    return WebchatPlatform()


@pytest.fixture
def adapter(platform: WebchatPlatform) -> WebchatAdapter:
    """The adapter under test."""
    return WebchatAdapter(platform.account())


class TestWebchatContract(AdapterContract):
    """The suite against rows."""
