"""deploys.* over the wire: bringing a commit somewhere and back, locks, and what is not theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.db import close_pool, run_db
from clawsite.core.models import AuditEvent
from clawsite.gateway.principal import Scope
from guardrails.processes import has_sandbox
from runbooks.models import Job, Project
from tests.clawsite.gateway.calling import ALICE, BOB, CHARLIE, call
from tests.clawsite.gateway.seat import Refused, principal
from tests.runbooks.running import perform_beside
from tests.runbooks.workspaces.deploying import shop

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_sandbox(), reason="needs bubblewrap"),
]
MALLORY = principal("mallory", Scope.READ, Scope.WRITE)
READER = principal("bob", Scope.READ)


@pytest.fixture(autouse=True)
async def home(settings: Settings, tmp_path: Path) -> AsyncIterator[None]:
    """A project of Bob's, apart from others; let the database go afterwards."""
    settings.CLAW_HOME = tmp_path
    await run_db(lambda: shop(owner=BOB.owner))
    yield
    close_pool()


async def test_a_deploy_is_one_job_whose_steps_can_be_read() -> None:
    one = {"project": "shop", "environment": "staging", "idempotencyKey": "k"}
    job = (await call("deploys.start", BOB, **one))["job"]
    assert (await call("deploys.start", BOB, **one))["job"]["id"] == job["id"]
    await run_db(lambda: perform_beside(Job.objects.get(key=job["id"]).pk))

    told = await call("deploys.list", BOB, project="shop")
    (row,) = told["deploys"]
    assert (row["state"], row["jobId"], told["environments"][0]["live"]["commit"]) == ("live", job["id"], row["commit"])
    for environment, listed in ((row["environment"], [row]), ("nowhere", [])):
        only = await call("deploys.list", BOB, project="shop", environment=environment)
        assert only["deploys"] == listed
    found = (await call("deploys.get", BOB, id=row["id"]))["deploy"]
    assert [each["state"] for each in found["steps"]] == ["ok"] * 4
    assert (await call("deploys.get", ALICE, id=row["id"]))["deploy"]["id"] == row["id"]

    for number in (row["id"], row["id"] + 1000):
        with pytest.raises(Refused, match="There is no such deploy") as caught:
            await call("deploys.get", MALLORY, id=number)
        assert "shop" not in str(caught.value)

    back = (await call("deploys.rollback", BOB, project="shop", environment="staging"))["job"]
    await run_db(lambda: perform_beside(Job.objects.get(key=back["id"]).pk))
    assert "nothing to go back to" in await run_db(lambda: Job.objects.get(key=back["id"]).error)


async def test_a_lock_is_said_and_taken_back() -> None:
    job = (await call("deploys.start", BOB, project="shop", environment="staging"))["job"]
    await run_db(lambda: perform_beside(Job.objects.get(key=job["id"]).pk))
    place = {"project": "shop", "environment": "staging"}

    locked = (await call("deploys.lock", BOB, **place, reason="a demo"))["environment"]
    assert locked["lock"]["reason"] == "a demo"
    await run_db(lambda: Project.objects.get().members.create(subject=MALLORY.owner, role="developer"))
    with pytest.raises(Refused, match="Only bob, who locked it"):
        await call("deploys.unlock", MALLORY, **place)
    (refused,) = await run_db(lambda: list(AuditEvent.objects.filter(action="environment.unlock_refused")))
    assert refused.actor == MALLORY.owner
    assert (await call("deploys.unlock", BOB, **place))["unlocked"]
    assert not (await call("deploys.unlock", BOB, **place))["unlocked"]


async def test_what_is_not_theirs_is_not_there() -> None:
    place = {"project": "shop", "environment": "staging"}
    for name, params in (("start", place), ("rollback", place), ("lock", place | {"reason": "x"}), ("unlock", place)):
        with pytest.raises(Refused, match="There is no project"):
            await call(f"deploys.{name}", MALLORY, **params)
        with pytest.raises(Refused):
            await call(f"deploys.{name}", CHARLIE, **params)
        with pytest.raises(Refused, match="missing scope"):
            await call(f"deploys.{name}", READER, **params)
    refused = AuditEvent.objects.filter(action="project.refused", actor=MALLORY.owner)
    assert await run_db(refused.count) == 4
    for name, what in (("list", {"project": "shop"}), ("get", {"id": 1})):
        with pytest.raises(Refused, match="There is no"):
            await call(f"deploys.{name}", MALLORY, **what)
