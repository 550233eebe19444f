"""pipelines.* over the wire: the owner's projects only, and every order is a job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from clawsite.core.db import close_pool, run_db
from clawsite.gateway.principal import Scope
from runbooks.models import ForgeConnection, Job, Pipeline, Project
from runbooks.workspaces.pipelines.values import JobInfo, State, stage_of, to_rows
from tests.clawsite.gateway.calling import ALICE, BOB, call
from tests.clawsite.gateway.seat import Refused, principal

pytestmark = pytest.mark.django_db(transaction=True)
CHARLIE = principal("charlie", Scope.READ)
MALLORY = principal("mallory", Scope.READ, Scope.WRITE)


def make_shop() -> None:
    project = Project.objects.create(key="shop-1", name="shop", owner=BOB.actor.subject, type="python", state="ready")
    ForgeConnection.objects.create(project=project, kind="github", repository="octo/shop", token="t", workflow="ci.yml")
    stages = to_rows([stage_of("test", [JobInfo(id="7", name="test", state=State.WAITING)])])
    Pipeline.objects.create(project=project, provider="github", external_id="9", state="waiting", stages=stages)


@pytest.fixture(autouse=True)
async def number() -> AsyncIterator[int]:
    """Bob's project with a pipeline that waits; its number."""
    await run_db(make_shop)
    yield await run_db(lambda: Pipeline.objects.get().pk)
    close_pool()


def verbs() -> list[Any]:
    return [row["verb"] for row in Job.objects.order_by("pk").values_list("params", flat=True)]


async def test_bob_sees_his_pipelines_and_an_admin_all(number: int) -> None:
    for who in (BOB, ALICE):
        (listed,) = (await call("pipelines.list", who, project="shop-1"))["pipelines"]
        shown = (await call("pipelines.get", who, id=number))["pipeline"]
        assert (listed["id"], listed["state"], listed["externalId"]) == (number, "waiting", "9")
        assert shown["stages"][0]["jobs"] == [{"id": "7", "name": "test", "state": "waiting"}]


async def test_every_order_is_a_job(number: int) -> None:
    made = await call("pipelines.start", BOB, project="shop", ref="topic")
    assert made["job"]["kind"] == "pipeline_ask"
    await call("pipelines.approve", BOB, id=number, job="test")
    await call("pipelines.cancel", BOB, id=number)
    await run_db(lambda: Pipeline.objects.update(state="failed"))
    await call("pipelines.retry", BOB, id=number)
    assert await run_db(verbs) == ["start", "approve", "cancel", "retry"]


async def test_for_charlie_and_mallory_there_is_nothing(number: int) -> None:
    for who in (CHARLIE, MALLORY):
        with pytest.raises(Refused, match="There is no project"):
            await call("pipelines.list", who, project="shop-1")
        with pytest.raises(Refused, match=f"There is no pipeline {number}"):
            await call("pipelines.get", who, id=number)
    with pytest.raises(Refused, match="missing scope"):
        await call("pipelines.cancel", CHARLIE, id=number)
    with pytest.raises(Refused, match=f"There is no pipeline {number}"):
        await call("pipelines.cancel", MALLORY, id=number)
    with pytest.raises(Refused, match="There is no pipeline 4000"):
        await call("pipelines.get", BOB, id=4000)
    assert await run_db(verbs) == []
