"""People and programs who go on while the version changes, and count what went wrong."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from clawsite.rpc import GatewayClient, GatewayTarget
from clawsite.rpc.backoff import Backoff
from tests.faults.conversation import Conversation

# Not the web chat: it lets in few new visitors from one address.
PAGES = ("/healthz", "/readyz", "/admin/login/", "/static/web/base.css")
PAUSE_SECONDS = 0.05
ROUND_SECONDS = 0.4


class Crowd:
    """Browsers that ask for pages, people who write in Telegram, and a program that calls the gateway."""

    def __init__(self, port: int, people: Conversation, *, token: str, name: str = "switch") -> None:
        self.pages: Counter[str] = Counter()
        self.failed: list[str] = []
        self.calls = 0
        self._port = port
        self._people = people
        self._token = token
        self._name = name
        self._over = threading.Event()

    def figures(self) -> str:
        """Return what was done and how much of it failed, for who runs this by hand."""
        found = self._people.ledger()
        return (
            f"{sum(self.pages.values())} pages and {self.calls} calls, {len(self.failed)} failed; "
            f"{sum(self._people.sent.values())} messages, {found.lost} lost, {found.duplicates} doubled"
        )

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Work until the end of the block."""
        works: list[Callable[[], None]] = [self._browse, self._browse, self._write, lambda: asyncio.run(self._call())]
        threads = [threading.Thread(target=self._guarded, args=[work]) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(60)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self.failed.append(f"{type(error).__name__}: {error}")

    def _browse(self) -> None:
        """Ask for one page after the other, each over a connection of its own."""
        for page in itertools.cycle(PAGES):
            if self._over.wait(PAUSE_SECONDS):
                return
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                connection.request("GET", page)
                answer = connection.getresponse()
                text = answer.read(200).decode(errors="replace").strip()
                answer.read()
                self.pages[page] += 1
                if answer.status != http.HTTPStatus.OK:
                    self.failed.append(f"{page}: {answer.status} {text}")
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(f"{page}: {type(error).__name__} {error}")
            finally:
                connection.close()

    def _write(self) -> None:
        while not self._over.wait(ROUND_SECONDS):
            self._people.write()

    async def _call(self) -> None:
        """Make jobs with the product's client, which comes back by itself when its gateway leaves."""
        target = GatewayTarget(id="blue-green", ws_url=f"ws://127.0.0.1:{self._port}", token_ref=lambda: self._token)
        async with GatewayClient(target, backoff=Backoff(first=0.05, most=0.5)) as client:
            for number in itertools.count():
                if await asyncio.to_thread(self._over.wait, PAUSE_SECONDS):
                    return
                params = {"kind": "selftest", "params": {"events": 0}, "start": False}
                await client.request("jobs.create", params, idempotency_key=f"{self._name}-{number}")
                self.calls += 1
