"""system.dump: for those who hold all rights, audited, of the processes that run here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.db import close_pool, run_db
from clawsite.core.models import AuditEvent, Process
from clawsite.core.nudge import NudgeListener
from clawsite.core.process import find_start, host_name
from clawsite.ops import dumps
from tests.clawsite.gateway.calling import ALICE, BOB, CHARLIE, call
from tests.clawsite.gateway.seat import Refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def alone(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """Nudges and dumps of this test alone."""
    settings.RUN_DIR = tmp_path / "run"
    yield
    close_pool()


def register() -> None:
    own = os.getpid()
    Process.objects.create(role="bots", host=host_name(), pid=own, started=find_start(own) or 0)


async def test_alice_looks_into_a_role_and_that_is_audited() -> None:
    await run_db(register)
    async with NudgeListener("bots") as listener:
        dumps.listen(listener)
        answer = await call("system.dump", ALICE, kind="threads", role="bots")
    assert answer["silent"] == []
    assert answer["dumps"][0]["threads"]
    event = await run_db(AuditEvent.objects.get)
    assert (event.action, event.subject, event.data) == ("system.dump", "bots", {"kind": "threads"})


async def test_a_role_that_does_not_run_is_said_with_those_that_do() -> None:
    await run_db(register)
    with pytest.raises(Refused, match="These do: bots"):
        await call("system.dump", ALICE, kind="tasks", role="web")


@pytest.mark.parametrize("who", [BOB, CHARLIE])
async def test_others_are_refused_and_nothing_is_looked_at(who: object) -> None:
    with pytest.raises(Refused):
        await call("system.dump", who, kind="threads")  # type: ignore[arg-type]
    assert await run_db(AuditEvent.objects.count) == 0


@pytest.mark.parametrize("params", [{"kind": "core"}, {"kind": "profile", "seconds": 31}, {"kind": "tasks", "x": 1}])
async def test_what_is_not_offered_is_an_error(params: dict[str, object]) -> None:
    with pytest.raises(Refused):
        await call("system.dump", ALICE, **params)
