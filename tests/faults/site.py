"""An installation with its emulators and its people, for modules whose tests share one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.conversation import Conversation
from tests.faults.stack import Stack, product_environment
from tests.faults.store import Store
from tests.servers.messages import MessagesServer
from tests.servers.telegram import TelegramServer


@dataclass(frozen=True, kw_only=True)
class Site:
    """What a test needs to hurt an installation and to see what became of it."""

    stack: Stack
    store: Store
    people: Conversation
    telegram: TelegramServer
    model: MessagesServer


@contextlib.contextmanager
def open_site(home: Path, *, people: int = 5, database: str = "", webhook: bool = False, **more: str) -> Iterator[Site]:
    """Start an installation that is ready, on SQLite or a DATABASE_URL, polling or with a webhook."""
    with TelegramServer().running() as telegram, MessagesServer().running() as model:
        crowd = Conversation(telegram, count=people)
        wanted = product_environment(telegram, model) | {"TELEGRAM_ALLOWED_USERS": crowd.allowed} | more
        stack = Stack(home, wanted | ({"DATABASE_URL": database} if database else {}))
        if webhook:
            stack.environment |= {"TELEGRAM_MODE": "webhook", "CLAW_PUBLIC_URL": stack.url}
        stack.start()
        try:
            stack.wait_ready()
            yield Site(stack=stack, store=Store(home, url=database), people=crowd, telegram=telegram, model=model)
        finally:
            stack.stop()
