"""The operations behind the controls, by name; they run on the server's loop."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.servers.messages.scripts import Script

if TYPE_CHECKING:
    from tests.servers.messages.server import MessagesServer

MAX_SCRIPTS = 10_000


@dataclass(slots=True, kw_only=True)
class Default:
    """The answer to a request without a script; text None is the responder."""

    text: str | None = None
    deltas: int = 20
    pause: float = 0.0
    first_pause: float = 0.0


class Operations:
    """Everything `/control/<name>` and `MessagesServer.control` can do."""

    def __init__(self, server: MessagesServer) -> None:
        self.server = server

    def table(self) -> dict[str, Callable[..., Any]]:
        operations: list[Callable[..., Any]] = [
            self.script,
            self.set_default,
            self.set_keys,
            self.clear_scripts,
            self.pending_scripts,
            self.requests,
            self.last_request,
            self.fault,
            self.clear_faults,
            self.faults,
            self.refuse_connections,
            self.cut_connections,
        ]
        return {operation.__name__: operation for operation in operations}

    def script(self, steps: list[dict[str, Any]] | None = None, **options: Any) -> int:
        if len(self.server.scripts) >= MAX_SCRIPTS:
            raise ValueError("too many scripts")
        script = Script(steps=steps or [], **options)
        self.server.scripts.append(script)
        return script.id

    def set_default(self, **options: Any) -> None:
        self.server.default = Default(**options)

    def set_keys(self, keys: list[str] | None) -> None:
        self.server.keys = None if keys is None else set(keys)

    def clear_scripts(self) -> None:
        self.server.scripts.clear()

    def pending_scripts(self) -> int:
        return sum(1 for script in self.server.scripts if script.times is not None)

    def requests(self, since: int = 0, path: str = "/v1/messages", limit: int = 1000) -> list[dict[str, Any]]:
        found = (entry for entry in self.server.journal.since(since) if entry.path == path)
        return [entry.describe() for entry in itertools.islice(found, limit)]

    def last_request(self) -> int:
        return self.server.journal.last

    def fault(self, kind: str, **options: Any) -> None:
        self.server.plan.add(kind, **options)

    def faults(self) -> list[dict[str, Any]]:
        return self.server.plan.describe()

    def clear_faults(self) -> None:
        self.server.plan.clear()

    def refuse_connections(self, for_seconds: float) -> None:
        self.server.http.shut_for(for_seconds)

    def cut_connections(self) -> None:
        self.server.http.cut_soon()
