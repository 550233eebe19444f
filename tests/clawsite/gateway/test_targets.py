"""Jobs for other gateways over the wire: who may send them, who sees them, and what is said of those gateways."""

from __future__ import annotations

import json

import pytest

from clawsite.core.db import close_pool, run_db
from clawsite.gateway.principal import Scope
from runbooks.models import GatewayTarget, Job
from tests.clawsite.gateway.calling import ALICE, BOB, call
from tests.clawsite.gateway.seat import Refused, principal

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "claw_token_of_the_far_gateway"
CHARLIE = principal("charlie", Scope.READ)
MALLORY = principal("mallory", Scope.READ, Scope.WRITE)


@pytest.fixture
async def far() -> None:
    """A gateway that is away, and one that is off."""
    rows = [
        GatewayTarget(name="far", ws_url="ws://127.0.0.1:9", token=TOKEN, away_since="2026-01-01T00:00:00Z"),
        GatewayTarget(name="off", ws_url="ws://127.0.0.1:9", token=TOKEN, enabled=False),
    ]
    await run_db(lambda: GatewayTarget.objects.bulk_create(rows))


@pytest.fixture(autouse=True)
async def closed() -> object:
    """Let the database go afterwards."""
    yield
    close_pool()


async def test_a_job_is_created_for_a_named_or_selected_gateway(far: None) -> None:
    named = (await call("jobs.create", BOB, kind="there.only", target="far"))["job"]
    assert (named["target"], named["targetState"], named["state"]) == ("far", "away", "queued")
    selected = (await call("jobs.create", BOB, kind="there.only", select={"labels": []}))["job"]
    assert selected["target"] == "far"
    with pytest.raises(Refused, match="no gateway named"):
        await call("jobs.create", BOB, kind="there.only", target="nowhere")
    with pytest.raises(Refused, match="the label gpu"):
        await call("jobs.create", BOB, kind="there.only", select={"labels": ["gpu"]})


async def test_status_and_list_say_how_the_gateway_does(far: None) -> None:
    job = (await call("jobs.create", BOB, kind="k", target="far"))["job"]
    await run_db(lambda: Job.objects.update(remote_id="r1"))
    assert (await call("jobs.status", BOB, id=job["id"]))["job"]["remoteId"] == "r1"
    [listed] = (await call("jobs.list", BOB))["jobs"]
    assert (listed["remoteId"], listed["targetState"]) == ("r1", "away")
    await run_db(lambda: GatewayTarget.objects.update(away_since=None, last_seen_at="2026-01-01T00:00:00Z"))
    assert (await call("jobs.status", BOB, id=job["id"]))["job"]["targetState"] == "up"
    await run_db(lambda: GatewayTarget.objects.all().delete())
    assert (await call("jobs.status", BOB, id=job["id"]))["job"]["targetState"] == "gone"


async def test_charlie_sends_nothing_and_reads_nobodys_jobs(far: None) -> None:
    job = (await call("jobs.create", BOB, kind="k", target="far"))["job"]
    with pytest.raises(Refused, match="missing scope"):
        await call("jobs.create", CHARLIE, kind="k", target="far")
    for who in (CHARLIE, MALLORY):
        for method in ("jobs.status", "jobs.result", "jobs.subscribe"):
            with pytest.raises(Refused, match="There is no such job"):
                await call(method, who, id=job["id"])
        assert (await call("jobs.list", who))["jobs"] == []
    with pytest.raises(Refused, match="There is no such job"):
        await call("jobs.cancel", MALLORY, id=job["id"])


async def test_names_are_for_everybody_and_the_rest_for_admins(far: None) -> None:
    assert await call("targets.list", CHARLIE) == {"targets": [{"name": "far", "state": "away"}]}
    full = await call("targets.list", ALICE)
    assert [(row["name"], row["state"], row["openJobs"]) for row in full["targets"]] == [
        ("far", "away", 0),
        ("off", "off", 0),
    ]
    assert TOKEN not in json.dumps(full)
