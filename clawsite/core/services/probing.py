"""Asking by the way: how a service does is found out even while nobody needs it.

A service that failed must not be called failing for ever when nobody calls it any more, and one that is needed rarely
(a store of backups, a mail server) must not be found dead on the day that it is needed.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Literal

from django.utils import timezone

from clawsite.core import breaker
from clawsite.core.db import run_db
from clawsite.core.errors import ClawError, Unavailable, log_unknown
from clawsite.core.models import ServiceState
from clawsite.core.services.notes import note_failure, note_success

# How often what is rarely needed is asked while nothing is wrong with it.
EVERY_SECONDS = 20.0
# A failing service is asked once nobody has told of a failure for so long.
SILENT_SECONDS = 8.0
# Questions that wait for an answer at the same time.
MOST = 8
# A question has limits of its own. When even they do not end it, that is told after so long, again and again.
LONGEST_SECONDS = 25.0

Ask = Callable[[], None]
Key = tuple[str, str]
Role = Literal["worker", "bots"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """How the services of a kind are asked.

    `prepare` reads what it takes, in the database thread, and returns the question. That one runs in a thread of its
    own: it may wait some seconds, asks no database, and raises a ClawError when the service does not do its work.
    `every`: ask so often although nothing is wrong; None: never. `role`: where it is asked, because what that takes is
    loaded there.
    """

    kind: str
    names: Callable[[], Iterable[str]]
    prepare: Callable[[str], Ask]
    every: float | None = None
    silent: float = SILENT_SECONDS
    role: Role = "worker"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Question:
    kind: str
    name: str
    ask: Ask


_probes: dict[str, Probe] = {}


def register_probe(probe: Probe) -> None:
    """Add how services of a kind are asked, or replace it."""
    _probes[probe.kind] = probe


class Prober:
    """Asks what is due, for one process. A question that is not answered holds up no other."""

    def __init__(self, *, role: Role = "worker", clock: Callable[[], float] = time.monotonic) -> None:
        self._role = role
        self._clock = clock
        self._asked: dict[Key, float] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    async def look(self) -> None:
        """Begin to ask everything that is due."""
        for question in await run_db(self._take_due, timezone.now()):
            task = asyncio.create_task(_ask(question), name=f"ask {question.kind}")
            self._tasks[question.kind, question.name] = task
            task.add_done_callback(partial(self._forget, (question.kind, question.name)))

    def _forget(self, key: Key, _task: asyncio.Task[None]) -> None:
        self._tasks.pop(key, None)

    async def drain(self) -> None:
        """Wait until everything that was asked is answered and noted."""
        await asyncio.gather(*self._tasks.values())

    def cancel(self) -> None:
        """Wait for nothing more."""
        for task in self._tasks.values():
            task.cancel()

    def _take_due(self, now: datetime) -> list[_Question]:
        return list(islice(self._find_due(now), MOST - len(self._tasks)))

    def _find_due(self, now: datetime) -> Iterator[_Question]:
        wrong = {(row.kind, row.name): row for row in ServiceState.objects.filter(failing_since__isnull=False)}
        kinds = {kind for kind, _ in wrong}
        for probe in _probes.values():
            if probe.role != self._role or (probe.every is None and probe.kind not in kinds):
                continue
            for name in _names(probe):
                row = wrong.get((probe.kind, name[:200]))
                if (probe.kind, name) not in self._tasks and self._is_due(probe, name, row, now):
                    yield from self._prepare(probe, name)

    def _prepare(self, probe: Probe, name: str) -> Iterator[_Question]:
        """Yield the question. What keeps it from being put, as a key that cannot be read, is the answer."""
        self._asked[probe.kind, name] = self._clock()
        try:
            ask = probe.prepare(name)
        except ClawError as error:
            ask = partial(_refuse, error)
        except Exception as error:  # the others are asked all the same
            log_unknown(error, where=f"asking {probe.kind} {name}")
            return
        yield _Question(kind=probe.kind, name=name, ask=ask)

    def _is_due(self, probe: Probe, name: str, row: ServiceState | None, now: datetime) -> bool:
        if row is None:
            asked = self._asked.get((probe.kind, name), float("-inf"))
            return probe.every is not None and self._clock() - asked >= probe.every
        return now - row.changed_at >= timedelta(seconds=probe.silent) and breaker.admit(row, now=now)


def _refuse(error: ClawError) -> None:
    raise error


def _names(probe: Probe) -> list[str]:
    """Return the services in use of a kind; a kind that cannot be read keeps no other from being asked."""
    try:
        return list(probe.names())
    except Exception as error:
        log_unknown(error, where=f"the services of kind {probe.kind}")
        return []


async def _ask(question: _Question) -> None:
    """Ask once and note how it went; a note that the database does not take is of no use any more.

    A question without an end keeps its place, so that no second one is put beside it.
    """
    began = timezone.now()
    answer = _in_thread(question.ask)
    try:
        while not (await asyncio.wait({answer}, timeout=LONGEST_SECONDS))[0]:
            await _note(Unavailable(f"There was no answer within {LONGEST_SECONDS:.0f} seconds."), question, began)
        await _note(answer.result(), question, began)
    finally:
        answer.cancel()


async def _note(error: Exception | None, question: _Question, began: datetime) -> None:
    try:
        await run_db(_note_of(error, question, began), question.kind, question.name)
    except Exception as failure:
        log_unknown(failure, where=f"noting how {question.kind} {question.name} does")


def _note_of(error: Exception | None, question: _Question, began: datetime) -> Callable[[str, str], object]:
    """Return what is to be written down. What nobody has foreseen is a failure, too: it was no answer."""
    if error is None:
        return note_success
    if not isinstance(error, ClawError):
        error_id = log_unknown(error, where=f"asking {question.kind} {question.name}")
        error = Unavailable(f"Asking it failed (error {error_id}).")
    wait: float | None = getattr(error, "retry_after", None)
    return partial(note_failure, error=error.message, error_kind=error.code, retry_after=wait, began=began)


def _in_thread(ask: Ask) -> asyncio.Future[Exception | None]:
    """Ask in a thread that ends with the process, so that whoever stops waits for no answer; return what it raised."""
    answer: Future[Exception | None] = Future()
    answer.set_running_or_notify_cancel()  # who waits may go away; the answer then comes, and nobody hears it

    def run() -> None:
        try:
            ask()
        except Exception as error:
            answer.set_result(error)
        else:
            answer.set_result(None)

    threading.Thread(target=run, name="claw-probe", daemon=True).start()
    return asyncio.wrap_future(answer)
