"""The gateway's channel keeps the contract of every channel."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from bots.channels.base import Account, Address, InboundFile
from bots.channels.gateway.adapter import GatewayAdapter
from bots.channels.gateway.updates import folder_of
from bots.channels.testing import AdapterContract
from bots.channels.updates import UPLOADS

OWNER = "user:1"


class GatewayPlatform:
    """A program with one session; what the bot sends is rows, which the adapter does not see."""

    def account(self) -> Account:
        return Account(channel_id=3, name="gateway")

    def address(self) -> Address:
        return Address(chat_id=f"{OWNER}/main")

    def raw_message(self, text: str) -> Mapping[str, Any]:
        return self._raw() | {"text": text}

    def raw_press(self, data: str) -> Mapping[str, Any]:
        return self._raw() | {"callback": data}

    def _raw(self) -> dict[str, Any]:
        return {"id": str(uuid.uuid4()), "owner": OWNER, "key": "main", "role": "admin", "name": "Alice", "date": 1.5e9}

    def malformed(self) -> Sequence[Mapping[str, Any]]:
        good = self.raw_message("x")
        files = [{"ref": ref, "kind": "document"} for ref in ("", "x", f"{OWNER}/a", f"{folder_of(OWNER)}/../b")]
        return [
            {},
            {**good, "id": ""},
            {**good, "id": 7},
            {**good, "owner": "../x"},
            {**good, "owner": "x" * 65},
            *({**good, "key": key} for key in ("", "a b", "a/b", "a#b", "a\\b", "a\n", "x" * 121, 7)),
            *({**good, "role": role} for role in ("stranger", "root", None)),
            *({**good, "files": [file]} for file in files),
        ]

    def say(self, text: str) -> None:
        raise AssertionError("the gateway is not polled")

    def offer_file(self, content: bytes) -> InboundFile:
        folder = Path(settings.MEDIA_ROOT) / UPLOADS / folder_of(OWNER)
        folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        (folder / name).write_bytes(content)
        return InboundFile(kind="document", ref=f"{folder_of(OWNER)}/{name}")

    def shown(self) -> None:
        return None


@pytest.fixture
def platform() -> GatewayPlatform:
    """The program."""
    return GatewayPlatform()


@pytest.fixture
def adapter(platform: GatewayPlatform) -> GatewayAdapter:
    """The adapter under test."""
    return GatewayAdapter(platform.account())


class TestGatewayContract(AdapterContract):
    """The suite against rows."""
