"""What runs for `run_tx` is one transaction, alone or beside others, on a file and on a server."""

from __future__ import annotations

import asyncio

import pytest
from django.db import transaction
from pytest_django import Settings

from clawsite.core import audit
from clawsite.core.db import close_pool, run_db, run_tx
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.models import AuditEvent


@pytest.fixture(autouse=True, params=["as it is", "server"])
def _pool(transactional_db: None, request: pytest.FixtureRequest, settings: Settings) -> object:
    if request.param == "server":
        settings.CLAW_ON_SQLITE = False
    yield
    close_pool()


def add(name: str) -> str:
    AuditEvent.objects.create(actor="system", action=name)
    return name


def refuse() -> None:
    add("half")
    with transaction.atomic():
        audit.record_refusal("thing.refused", actor="user:1", subject="thing:1")
        raise NotAllowed("no")


def names() -> list[str]:
    return sorted(AuditEvent.objects.values_list("action", flat=True))


async def test_one_that_fails_leaves_nothing() -> None:
    def break_off() -> None:
        add("half")
        raise BadInput("no")

    with pytest.raises(BadInput):
        await run_tx(break_off)
    assert await run_db(names) == []


async def test_that_somebody_was_refused_outlives_what_is_undone_for_it() -> None:
    with pytest.raises(NotAllowed):
        await run_tx(refuse)
    assert await run_db(names) == ["thing.refused"]


async def test_so_it_does_beside_others() -> None:
    done = await asyncio.gather(run_tx(add, "a"), run_tx(refuse), run_tx(add, "b"), return_exceptions=True)
    assert [isinstance(each, NotAllowed) for each in done] == [False, True, False]
    assert await run_db(names) == ["a", "b", "thing.refused"]
