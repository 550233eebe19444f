"""feedback.* over the wire: who says what of which job, and who reads it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from clawsite.core.db import close_pool
from clawsite.gateway.principal import Scope
from tests.clawsite.gateway.calling import ALICE, BOB, call
from tests.clawsite.gateway.seat import Refused, principal

pytestmark = pytest.mark.django_db(transaction=True)
CHARLIE = principal("charlie", Scope.READ)
MALLORY = principal("mallory", Scope.READ, Scope.WRITE)


@pytest.fixture(autouse=True)
async def no_threads() -> AsyncIterator[None]:
    """Let the database go afterwards."""
    yield
    close_pool()


async def test_an_opinion_is_seen_by_the_owner_of_the_job_and_by_admins() -> None:
    job = (await call("jobs.create", BOB, kind="selftest", start=False))["job"]
    await call("feedback.give", BOB, id=job["id"], good=False, reason="Too slow")
    given = (await call("feedback.give", ALICE, id=job["id"], good=True))["feedback"]
    assert (given["jobId"], given["good"]) == (job["id"], True)
    for who in (BOB, ALICE):
        found = await call("feedback.list", who, kind="selftest")
        assert [row["reason"] for row in found["feedback"]] == ["", "Too slow"]
        assert (found["good"], found["bad"]) == (1, 1)
    assert (await call("feedback.list", CHARLIE))["feedback"] == []


async def test_others_say_nothing_of_it() -> None:
    job = (await call("jobs.create", BOB, kind="selftest", start=False))["job"]
    with pytest.raises(Refused, match="missing scope"):
        await call("feedback.give", CHARLIE, id=job["id"], good=True)
    with pytest.raises(Refused, match="no such job"):
        await call("feedback.give", MALLORY, id=job["id"], good=True)
