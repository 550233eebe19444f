"""Services that nobody asks are asked by the way: a failure is found, is confirmed, and is over when it is over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from django.utils import timezone

from clawsite.core import services
from clawsite.core.db import close_pool, run_db
from clawsite.core.errors import BadInput, NotConfigured, Unavailable
from clawsite.core.models import ServiceState
from clawsite.core.services import Probe, Prober, ServiceReport, note_failure, probing, register_probe, registry
from tests.bots.flow import until, until_db

pytestmark = pytest.mark.django_db(transaction=True)


class Shop:
    """Two services of a kind, and what they answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.passed = 0.0
        self.prober = Prober(clock=lambda: self.passed)

    def prepare(self, name: str) -> services.Ask:
        if name == "lost":
            raise NotConfigured("There is no key.")

        def ask() -> None:
            self.asked.append(name)
            if self.error is not None:
                raise self.error

        return ask

    async def look(self, after: float = 0.0) -> list[str]:
        """Let time pass, ask what is due, and return what that was."""
        self.passed += after
        await run_db(_pass, after)
        self.asked = []
        await self.prober.look()
        await self.prober.drain()
        return sorted(self.asked)


def _pass(seconds: float) -> None:
    for row in ServiceState.objects.all():
        ago = timedelta(seconds=seconds)
        row.changed_at -= ago
        row.open_until = row.open_until and row.open_until - ago
        row.failing_since = row.failing_since and row.failing_since - ago
        row.save()


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """A registry that holds one kind with two services, of which one has lost its key."""
    monkeypatch.setattr(registry, "_kinds", {})
    monkeypatch.setattr(probing, "_probes", {})
    services.register_service("shop", lambda: ["lost", "a"])
    yield Shop()
    close_pool()


def rarely(shop: Shop) -> None:
    register_probe(Probe(kind="shop", names=lambda: ["lost", "a"], prepare=shop.prepare, every=20))


def only_when_failing(shop: Shop) -> None:
    register_probe(Probe(kind="shop", names=lambda: ["a"], prepare=shop.prepare))


async def found() -> ServiceReport:
    return next(each for each in await run_db(services.report) if each.name == "a")


async def test_what_is_needed_rarely_is_asked_although_nothing_is_wrong(shop: Shop) -> None:
    rarely(shop)
    assert [await shop.look(), await shop.look(10), await shop.look(10)] == [["a"], [], ["a"]]
    shop.error = Unavailable("It is shut.")
    await shop.look(20)
    assert ((await found()).state, (await found()).error) == ("closed", "It is shut.")
    assert [await shop.look(5), await shop.look(5)] == [[], ["a"]], "it is asked again soon"
    assert (await found()).state == "open"
    assert [await shop.look(20), await shop.look(11)] == [[], ["a"]], "and then left alone for half a minute"


async def test_a_failure_that_nobody_tells_of_any_more_is_over_when_it_is_over(shop: Shop) -> None:
    only_when_failing(shop)
    assert await shop.look() == []
    await run_db(lambda: note_failure("shop", "a", error="It is shut."))
    assert [await shop.look(5), (await found()).is_failing] == [[], True]
    assert [await shop.look(5), (await found()).is_failing] == [["a"], False]


@pytest.mark.parametrize("error", [BadInput("Your key is not known here."), RuntimeError("boom")])
async def test_any_error_says_that_it_does_not_do_its_work(shop: Shop, error: Exception) -> None:
    only_when_failing(shop)
    await run_db(lambda: note_failure("shop", "a", error="It is shut."))
    shop.error = error
    await shop.look(12)
    told = await found()
    assert (told.is_failing, "boom" in told.error) == (True, False)


async def test_what_lets_us_wait_has_failed_since_it_was_asked_and_holds_up_no_other(shop: Shop) -> None:
    asked, gate = threading.Event(), threading.Event()

    def wait() -> None:
        asked.set()
        gate.wait(20)
        raise Unavailable("It never answers.")

    register_probe(Probe(kind="slow", names=lambda: ["s"], prepare=lambda name: wait, every=20))
    rarely(shop)
    began = timezone.now()
    await shop.prober.look()
    assert await asyncio.to_thread(asked.wait, 20)
    await until(lambda: len(shop.prober._tasks) == 1, timeout=20)
    shop.passed += 30
    await shop.prober.look()
    gate.set()
    await shop.prober.drain()
    assert shop.asked == ["a", "a"]
    row = await run_db(lambda: ServiceState.objects.get(kind="slow"))
    assert row.failing_since is not None
    assert began <= row.failing_since < row.changed_at


async def test_what_never_ends_is_told_of_keeps_its_place_and_is_not_waited_for(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "LONGEST_SECONDS", 0.05)
    begun: list[threading.Thread] = []
    gate, ended = threading.Event(), threading.Event()

    def wait() -> None:
        begun.append(threading.current_thread())
        gate.wait(20)
        ended.set()

    register_probe(Probe(kind="stuck", names=lambda: ["s"], prepare=lambda name: wait, every=20))
    await shop.prober.look()
    tasks = list(shop.prober._tasks.values())
    rows = ServiceState.objects.filter(kind="stuck", failures__gt=1, error__startswith="There was no answer")
    await until_db(rows.exists, timeout=20)
    await until(lambda: begun, timeout=20)
    shop.passed += 60
    await shop.prober.look()
    assert [len(begun), list(shop.prober._tasks.values())] == [1, tasks]
    shop.prober.cancel()
    await asyncio.wait(tasks)
    gate.set()
    await asyncio.to_thread(begun[0].join, 20)  # an error in it would fail this test
    assert ended.is_set()


async def test_a_kind_that_cannot_be_read_keeps_no_other_from_being_asked(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> list[str]:
        raise RuntimeError("no")

    register_probe(Probe(kind="broken", names=broken, prepare=shop.prepare, every=20))
    rarely(shop)
    assert await shop.look() == ["a"]
    assert "kind broken" in caplog.text
    assert await run_db(lambda: ServiceState.objects.get(name="lost").error) == "There is no key."
