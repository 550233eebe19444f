"""alerts.* over the wire: pages, one with its story, and taking it on once."""

from __future__ import annotations

import pytest

from clawsite.core.db import run_db
from clawsite.core.models import AuditEvent
from clawsite.gateway.principal import Scope
from tests.clawsite.gateway.calling import ALICE, BOB, CHARLIE, call
from tests.clawsite.gateway.seat import Refused, principal
from tests.runbooks.alerts.deliveries import One, fire

pytestmark = pytest.mark.django_db(transaction=True)
VIEWER = principal("viewer", Scope.READ)


def some() -> None:
    for number in range(3):
        fire(One(name=f"Slow{number}", severity="warning", annotations={"summary": "<b>slow</b>"}))
    fire(One(name="Zero"))


async def test_lists_are_paged_and_filtered() -> None:
    await run_db(some)
    first = await call("alerts.list", VIEWER, limit=3)
    rest = await call("alerts.list", VIEWER, limit=3, cursor=first["nextCursor"])
    numbers = [row["id"] for row in first["alerts"] + rest["alerts"]]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 4
    assert "nextCursor" not in rest
    assert len((await call("alerts.list", VIEWER, cursor="\n"))["alerts"]) == 4
    (zero,) = (await call("alerts.list", VIEWER, severity="critical"))["alerts"]
    assert (zero["state"], zero["firing"], zero["ackedBy"]) == ("firing", 1, None)
    assert (await call("alerts.list", VIEWER, state="resolved"))["alerts"] == []


async def test_one_is_taken_on_once_and_its_story_tells() -> None:
    await run_db(some)
    (zero,) = (await call("alerts.list", BOB, severity="critical"))["alerts"]
    taken = (await call("alerts.ack", BOB, id=zero["id"]))["alert"]
    assert taken["ackedBy"]
    with pytest.raises(Refused, match="taken already"):
        await call("alerts.ack", ALICE, id=zero["id"])
    whole = (await call("alerts.get", VIEWER, id=zero["id"]))["alert"]
    assert whole["labels"]["alertname"] == "Zero"
    assert [alert["state"] for alert in whole["alerts"]] == ["firing"]
    assert [event["kind"] for event in whole["events"]][-1] == "acked"
    assert (await call("alerts.unack", ALICE, id=zero["id"]))["alert"]["ackedBy"] is None
    actions = await run_db(lambda: list(AuditEvent.objects.values_list("action", "origin").order_by("pk")))
    assert [each for each in actions if each[0].startswith("alert.")] == [
        ("alert.ack", "gateway"),
        ("alert.unack", "gateway"),
    ]


async def test_a_silence_is_made_once_and_taken_back() -> None:
    await run_db(some)
    (zero,) = (await call("alerts.list", BOB, severity="critical"))["alerts"]
    silence = (await call("alerts.silence", BOB, id=zero["id"], minutes=30))["silence"]
    assert silence["alert"] == zero["id"]
    with pytest.raises(Refused, match="silenced already"):
        await call("alerts.silence", BOB, id=zero["id"])
    await call("alerts.unsilence", BOB, id=silence["id"])
    with pytest.raises(Refused, match="is over"):
        await call("alerts.unsilence", BOB, id=silence["id"])


async def test_charlie_sees_nothing_and_a_viewer_takes_nothing_on() -> None:
    await run_db(some)
    for method, params in (("alerts.list", {}), ("alerts.get", {"id": 1}), ("alerts.ack", {"id": 1})):
        with pytest.raises(Refused, match="missing scope"):
            await call(method, CHARLIE, **params)
    with pytest.raises(Refused, match="missing scope"):
        await call("alerts.ack", VIEWER, id=1)
    with pytest.raises(Refused, match="There is no such alert"):
        await call("alerts.get", VIEWER, id=10**9)
