"""cron.*: schedules in the protocol's words, there and back, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from clawsite.core.db import close_pool, run_db
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.gateway import methods
from clawsite.gateway.errors import GatewayError
from clawsite.gateway.principal import Scope
from runbooks.models import Job, Schedule
from runbooks.schedules import save_schedule, tick
from tests.clawsite.gateway.test_jobs import Wire
from tests.runbooks.people import ALICE
from tests.runbooks.running import perform_beside

pytestmark = pytest.mark.django_db(transaction=True)
assert methods.cron.ORIGIN

SELFTEST = {"kind": "job", "job": "selftest", "params": {"pause": 0}}
NIGHTLY = {"kind": "cron", "expr": "0 3 * * *", "tz": "Europe/Berlin"}


@pytest.fixture
def alice() -> Iterator[Wire]:
    yield Wire("alice", Scope.ADMIN)
    close_pool()


@pytest.fixture
def bob() -> Wire:
    return Wire("bob", Scope.WRITE)


async def add(wire: Wire, **given: Any) -> dict[str, Any]:
    job: dict[str, Any] = await wire.call(
        "cron.add", **({"name": "nightly", "schedule": NIGHTLY, "payload": SELFTEST} | given)
    )
    return job


async def run_all() -> None:
    for pk in await run_db(lambda: list(Job.objects.filter(state="queued").values_list("pk", flat=True))):
        await asyncio.to_thread(perform_beside, pk)


async def test_a_schedule_is_added_listed_changed_run_and_removed(alice: Wire) -> None:
    job = await add(alice, description="d", wakeMode="next-heartbeat", unknownField=1)
    assert (job["schedule"], job["payload"], job["wakeMode"]) == (NIGHTLY, SELFTEST, "next-heartbeat")
    assert job["state"]["nextRunAtMs"] == job["nextRunAtMs"] > job["createdAtMs"]

    listed = await alice.call("cron.list", limit=200, offset=0, includeDisabled=False)
    assert (listed["jobs"], listed["total"], listed["hasMore"], listed["nextOffset"]) == ([job], 1, False, None)
    told = await alice.call("cron.status")
    assert (told["jobs"], told["nextWakeAtMs"]) == (1, job["nextRunAtMs"])

    changed = await alice.call(
        "cron.update", id=job["id"], patch={"enabled": False, "schedule": {"kind": "every", "everyMs": 1500}}
    )
    assert (changed["enabled"], changed["schedule"]["everyMs"], "nextRunAtMs" in changed) == (False, 2000, False)
    assert (await alice.call("cron.list"))["jobs"] == []

    run = await alice.call("cron.run", jobId=job["id"])
    assert (run["ok"], run["ran"], run["enqueued"]) == (True, True, True)
    await run_all()
    (entry,) = (await alice.call("cron.runs", id=job["id"]))["entries"]
    assert (entry["status"], entry["action"], entry["runId"]) == ("ok", "finished", run["runId"])
    (after,) = (await alice.call("cron.list", includeDisabled=True))["jobs"]
    assert after["state"]["lastRunStatus"] == "ok"

    assert await alice.call("cron.remove", id=job["id"]) == {"ok": True, "removed": True}
    assert await alice.call("cron.remove", id=job["id"]) == {"ok": True, "removed": False}


@pytest.mark.parametrize(
    ("schedule", "when"),
    [
        ({"kind": "at", "at": "2090-01-01T00:00:00Z"}, "at"),
        ({"kind": "at", "at": "2090-01-01T00:00:00"}, "at"),
        ({"kind": "at", "atMs": 3786912000000}, "at"),
        # None of these is due in a moment, for then the change would be for the time after it.
        ({"kind": "every", "everyMs": 86_400_000, "anchorMs": 1000}, "every"),
        ({"kind": "cron", "expr": "*/5 3 1 * *"}, "cron"),
    ],
)
async def test_every_way_to_say_when(alice: Wire, schedule: dict[str, Any], when: str) -> None:
    job = await add(alice, schedule=schedule)
    assert job["schedule"]["kind"] == when
    again = await alice.call("cron.update", id=job["id"], patch={"schedule": job["schedule"]})
    assert (again["schedule"], again["nextRunAtMs"]) == (job["schedule"], job["nextRunAtMs"])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"schedule": {"kind": "on-exit", "command": "x"}}, "on-exit.*not supported"),
        ({"schedule": {"kind": "stream", "command": ["x"]}}, "stream.*not supported"),
        ({"schedule": {"kind": "cron", "expr": "x"}}, "five fields"),
        ({"schedule": {"kind": "cron", "expr": "0 3 * * *", "tz": "Nowhere"}}, "time zone"),
        ({"schedule": {"kind": "every", "everyMs": "x"}}, "everyMs"),
        ({"schedule": {"kind": "every", "everyMs": 1e300}}, "everyMs"),
        ({"schedule": {"kind": "every", "everyMs": 0}}, "interval"),
        ({"schedule": {"kind": "at", "at": "tomorrow"}}, "schedule.at"),
        ({"schedule": {"kind": "at"}}, "schedule.at"),
        ({"schedule": {"kind": "at", "atMs": 0}}, "already over"),
        ({"payload": {"kind": "command", "argv": ["rm"]}}, "'command' are not supported here; there are: .*job"),
        ({"payload": {"kind": "heartbeat"}}, "not supported"),
        ({"payload": {"kind": "job", "job": "nope"}}, "no such kind"),
        ({"payload": {"kind": "job", "job": "selftest", "params": {"nope": 1}}}, "unknown field"),
        ({"payload": {}}, "not supported"),
        ({"delivery": {"to": "a\x00"}}, "cannot be kept"),
        ({"schedule": {"kind": "cron", "expr": "0 3 * * 1" + ",1" * 100}}, "at most 120"),
        ({"schedule": {"kind": "at", "at": "9999-12-31T23:59:59-05:00"}}, "between the years"),
    ],
)
async def test_what_is_not_supported_is_refused_with_a_sentence(alice: Wire, given: dict[str, Any], text: str) -> None:
    with pytest.raises(BadInput, match=text):
        await add(alice, **given)
    assert await run_db(Schedule.objects.count) == 0


async def test_a_change_that_makes_no_sense_is_refused(alice: Wire) -> None:
    job = await add(alice)
    for patch, text in (({"enabled": "no"}, "true or false"), ({"name": ["x"]}, "name"), ({"name": ""}, "a name")):
        with pytest.raises(BadInput, match=text):
            await alice.call("cron.update", id=job["id"], patch=patch)
    with pytest.raises(BadInput, match="id is missing"):
        await alice.call("cron.run", id="\n")


async def test_what_a_person_changed_since_is_told_and_stays(alice: Wire) -> None:
    job = await add(alice)
    row = await run_db(Schedule.objects.get)
    row.params = {"events": 7}
    await run_db(save_schedule, row, actor=ALICE)

    (seen,) = (await alice.call("cron.list"))["jobs"]
    changed = await alice.call("cron.update", id=job["id"], patch={"enabled": False})

    assert seen["payload"]["params"]["events"] == changed["payload"]["params"]["events"] == 7
    assert (await run_db(Schedule.objects.get)).params["events"] == 7


async def test_only_admins_change_and_others_see_their_own(alice: Wire, bob: Wire) -> None:
    job = await add(alice)
    for name in ("add", "update", "remove", "run"):
        with pytest.raises(GatewayError, match="missing scope"):
            await bob.call(f"cron.{name}", id=job["id"])
    assert (await bob.call("cron.list"))["jobs"] == []
    assert (await bob.call("cron.runs"))["entries"] == []
    assert (await bob.call("cron.status"))["jobs"] == 0
    with pytest.raises(NotAllowed):
        await bob.call("cron.runs", id=job["id"])


async def test_what_was_changed_meanwhile_is_not_overwritten(alice: Wire) -> None:
    job = await add(alice)
    seen = job["configRevision"]
    await alice.call("cron.update", id=job["id"], patch={"name": "other"}, expectedConfigRevision=seen)
    with pytest.raises(BadInput, match="changed since"):
        await alice.call("cron.update", id=job["id"], patch={"name": "third"}, expectedConfigRevision=seen)


async def test_modes_of_a_run(alice: Wire) -> None:
    job = await add(alice)
    assert (await alice.call("cron.run", id=job["id"], mode="due"))["reason"] == "not-due"
    await alice.call("cron.update", id=job["id"], patch={"enabled": False})
    assert (await alice.call("cron.run", id=job["id"], mode="if-enabled"))["reason"] == "disabled"
    with pytest.raises(NotAllowed):
        await alice.call("cron.run", id="999")
    with pytest.raises(BadInput, match="id is missing"):
        await alice.call("cron.run")


async def test_what_a_program_runs_because_it_is_due_is_not_run_by_the_clock_too(alice: Wire) -> None:
    job = await add(alice)
    came = timezone.now() - timedelta(minutes=5)  # no worker was there to see to it
    await run_db(lambda: Schedule.objects.update(next_due=came))
    run = await alice.call("cron.run", id=job["id"], mode="due")
    assert await run_db(tick) == 0
    assert (await alice.call("cron.run", id=job["id"], mode="due"))["reason"] == "not-due"
    assert await run_db(lambda: list(Job.objects.values_list("key", flat=True))) == [run["runId"]]
    assert (await alice.call("cron.status"))["nextWakeAtMs"] == job["nextRunAtMs"]


async def test_schedules_of_the_admin_pages_are_listed_too(alice: Wire) -> None:
    row = await run_db(lambda: save_schedule(Schedule(name="page", kind="selftest", cron="0 3 * * *"), actor=ALICE))
    assert row.next_due is not None
    await run_db(tick, row.next_due + timedelta(seconds=5))
    (job,) = (await alice.call("cron.list"))["jobs"]
    assert (job["id"], job["payload"]["job"]) == (str(row.pk), "selftest")
    assert job["state"]["runningAtMs"] > 0


async def test_others_who_may_read_hear_nothing_of_changes(alice: Wire, bob: Wire, monkeypatch: Any) -> None:
    heard: list[tuple[str, bool, bool]] = []

    def broadcast(event: str, payload: Any, *, to: Callable[[Any], bool], **_: Any) -> int:
        heard.append((payload["action"], to(alice), to(bob)))
        return 0

    monkeypatch.setattr("clawsite.gateway.methods.cron.hub.broadcast", broadcast)
    job = await add(alice)
    await alice.call("cron.remove", id=job["id"])
    assert heard == [("added", True, False), ("removed", True, False)]
