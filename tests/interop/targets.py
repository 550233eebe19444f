"""What the command line is pointed at: our gateway, and OpenClaw's own to hold the tests themselves to the truth."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.stack import product_environment, running_stack
from tests.interop.openclaw import OpenClawService
from tests.interop.wire import RecordingProxy
from tests.servers.messages import MessagesServer
from tests.servers.telegram import TelegramServer

TOKEN = "interop-token-0123456789-abcdefghijklmnopqrstuvwxyz"
ANSWER = "The answer of the emulator is forty-two."


@dataclass(frozen=True, kw_only=True)
class Target:
    """A gateway behind its proxy."""

    name: str
    wire: RecordingProxy
    token: str


@contextlib.contextmanager
def open_ours(home: Path, model: MessagesServer) -> Iterator[Target]:
    """Run the product with a gateway token."""
    with TelegramServer().running() as telegram:
        environment = product_environment(telegram, model) | {"CLAW_GATEWAY_TOKEN": TOKEN}
        with running_stack(home, environment) as stack, RecordingProxy(stack.port).running() as wire:
            yield Target(name="ours", wire=wire, token=TOKEN)


@contextlib.contextmanager
def open_theirs(service: OpenClawService) -> Iterator[Target]:
    """Put a proxy before OpenClaw's gateway."""
    with RecordingProxy(service.port).running() as wire:
        yield Target(name="theirs", wire=wire, token=service.token)
