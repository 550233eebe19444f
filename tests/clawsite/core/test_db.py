"""The database thread: order, sharing of commits, and what a failure undoes."""

from __future__ import annotations

import asyncio
import threading

import pytest
from django.db import transaction

from clawsite.core.db import Lane, close_pool, run_db, run_db_first, run_tx, run_tx_first, use_lane
from clawsite.core.errors import BadInput
from clawsite.core.models import AuditEvent

pytestmark = pytest.mark.sqlite  # there alone commits are shared


@pytest.fixture(autouse=True)
def _pool(transactional_db: None) -> object:
    yield
    close_pool()


def add(name: str) -> str:
    with transaction.atomic():
        AuditEvent.objects.create(actor="system", action=name)
    return name


def names() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


BUSY: list[asyncio.Task[bool]] = []


async def hold() -> threading.Event:
    """Keep the thread busy until the event is set, so that what follows waits together."""
    free = threading.Event()
    task = asyncio.create_task(run_db(free.wait, 10))
    BUSY.append(task)
    await asyncio.sleep(0)
    return free


async def test_transactions_that_wait_together_share_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawsite.core.db.GROUP_SECONDS", 60.0)  # so that a slow machine makes no second group
    commits: list[str] = []

    def work(name: str) -> str:
        transaction.on_commit(lambda: commits.append(f"{name} sees {len(names())}"))
        return add(name)

    free = await hold()
    tasks = [asyncio.create_task(run_tx(work, name)) for name in "abc"]
    await asyncio.sleep(0)
    free.set()
    assert await asyncio.gather(*tasks) == ["a", "b", "c"]
    assert commits == ["a sees 3", "b sees 3", "c sees 3"]


async def test_a_known_error_undoes_only_its_own() -> None:
    def refuse() -> None:
        add("refused")
        raise BadInput("no")

    free = await hold()
    first, second, third = (
        asyncio.create_task(run_tx(add, "one")),
        asyncio.create_task(run_tx(refuse)),
        asyncio.create_task(run_tx(add, "two")),
    )
    await asyncio.sleep(0)
    free.set()
    assert await first == "one"
    assert await third == "two"
    with pytest.raises(BadInput):
        await second
    assert await run_db(names) == ["one", "two"]


async def test_an_unknown_error_reaches_only_its_caller_and_the_others_are_run_again() -> None:
    def broken() -> None:
        add("broken")
        raise RuntimeError("boom")

    free = await hold()
    first = asyncio.create_task(run_tx(add, "one"))
    second = asyncio.create_task(run_tx(broken))
    await asyncio.sleep(0)
    free.set()
    assert await first == "one"
    with pytest.raises(RuntimeError):
        await second
    assert await run_db(names) == ["one"]


async def test_a_record_goes_before_what_waits() -> None:
    free = await hold()
    later = asyncio.create_task(run_db(add, "later"))
    await asyncio.sleep(0)
    sooner = asyncio.create_task(run_tx_first(add, "sooner"))
    await asyncio.sleep(0)
    free.set()
    await asyncio.gather(later, sooner)
    assert await run_db(names) == ["sooner", "later"]


async def test_a_look_that_lets_somebody_in_goes_before_what_waits() -> None:
    free = await hold()
    later = asyncio.create_task(run_db(add, "later"))
    await asyncio.sleep(0)
    sooner = asyncio.create_task(run_db_first(names))
    await asyncio.sleep(0)
    free.set()
    _, seen = await asyncio.gather(later, sooner)
    assert "later" not in seen


async def test_who_has_much_to_do_waits_for_others() -> None:
    async def work(lane: Lane, *wanted: str) -> None:
        use_lane(lane)
        await asyncio.gather(*(run_db(add, name) for name in wanted))

    free = await hold()
    much = asyncio.create_task(work(Lane(), "a1", "a2", "a3", "a4"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    little = asyncio.create_task(work(Lane(), "b1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    free.set()
    await asyncio.gather(much, little)
    assert (await run_db(names))[:3] == ["a1", "b1", "a2"]


async def test_what_follows_a_commit_repeats_none_of_those_that_share_it() -> None:
    def fail_later() -> None:
        add("with a callback")
        transaction.on_commit(lambda: 1 / 0)

    free = await hold()
    tasks = [asyncio.create_task(run_tx(add, "innocent")), asyncio.create_task(run_tx(fail_later))]
    await asyncio.sleep(0)
    free.set()
    await asyncio.gather(*tasks)
    await run_tx(fail_later)
    assert await run_db(names) == ["innocent", "with a callback", "with a callback"]
