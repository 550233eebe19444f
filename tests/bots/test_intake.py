"""Rows that ended their process are run with ever fewer others, so that one deadly row does not take the rest along."""

from __future__ import annotations

import time

from django.utils import timezone

from bots.intake import FEW, Intake
from clawsite.core.db import run_db
from sessions_app.inbox import Head
from sessions_app.models import Inbox
from tests.bots.flow import Flow


def head(number: int, attempts: int) -> Head:
    return Head(pk=number, channel_id=1, lane=f"1/{number}/", received_at=timezone.now(), attempts=attempts)


def allowed(running: list[int], attempts: int, *, age: float = 60.0, warm: bool = True) -> bool:
    intake = Intake.__new__(Intake)
    intake._began, intake._is_warm = time.monotonic() - age, warm
    intake._attempts = {f"lane {number}": tried for number, tried in enumerate(running)}
    return intake._may_start(head(1, attempts))


def test_the_more_processes_a_row_ended_the_fewer_run_beside_it() -> None:
    assert allowed([0] * 100, 0)
    assert allowed([3] + [2] * FEW, 1)
    assert allowed([2] * (FEW - 1), 2)
    assert not allowed([2] * FEW, 2)
    assert allowed([2] * FEW + [0] * 50, 3)
    assert not allowed([3], 4)


def test_suspected_rows_wait_until_the_process_runs_smoothly() -> None:
    assert allowed([], 1, age=0.1)
    assert not allowed([], 2, age=0.1)
    assert allowed([], 2, age=5)
    assert not allowed([], 2, age=5, warm=False)


async def test_suspected_rows_are_all_answered_one_after_the_other(flow: Flow) -> None:
    flow.model.set_default("Fine.")
    async with flow.running():
        await flow.says(flow.alice, "hi")
        await flow.says(flow.bob, "hi")
    await run_db(lambda: Inbox.objects.update(state="new", attempts=3))
    async with flow.running():
        await flow.quiet()
    assert await run_db(lambda: set(Inbox.objects.values_list("state", flat=True))) == {"done"}
