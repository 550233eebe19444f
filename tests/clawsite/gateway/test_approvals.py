"""approvals.* and exec.approval.*: who sees a request, who decides it, and that it is decided once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from clawsite.core.db import close_pool, run_db
from clawsite.core.nudge import NudgeListener
from clawsite.gateway import approvalfeed
from clawsite.gateway.principal import Principal, Scope
from guardrails.approvals import decide
from guardrails.models import Approval
from guardrails.types import Actor, Role
from sessions_app.models import Session
from tests.clawsite.gateway.calling import ALICE, BOB, CHARLIE, call
from tests.clawsite.gateway.rows import BOBS_KEY, add_chat, add_contact, add_session, ask
from tests.clawsite.gateway.seat import Line, Refused, principal

pytestmark = pytest.mark.django_db(transaction=True)

CAROL = principal("carol", Scope.READ, Scope.WRITE, Scope.APPROVALS)
METHODS: dict[str, dict[str, Any]] = {
    "approvals.list": {}, "approvals.get": {"id": "x"}, "approvals.decide": {"id": "x", "approve": True},
    "exec.approval.list": {}, "exec.approval.get": {"id": "x"},
    "exec.approval.resolve": {"id": "x", "decision": "deny"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Let the database thread go."""
    yield
    close_pool()


@pytest.fixture
async def bobs() -> Approval:
    """Bob asked in his own session, as the contact that he is there."""
    return await run_db(lambda: ask(add_session(), by=add_contact().subject))


@pytest.fixture
async def alices() -> Approval:
    """Somebody asked in a chat that is not Bob's."""
    return await run_db(lambda: ask(add_chat(), by="user:77"))


@pytest.mark.parametrize("name", METHODS)
async def test_who_may_not_decide_gets_nothing(name: str) -> None:
    for who in (CHARLIE, principal("reader", Scope.READ, Scope.WRITE)):
        with pytest.raises(Refused, match=r"missing scope: operator\.approvals"):
            await call(name, who, **METHODS[name])


async def test_each_sees_what_concerns_them(bobs: Approval, alices: Approval) -> None:
    async def keys(who: Principal) -> list[str]:
        return [row["id"] for row in (await call("approvals.list", who))["approvals"]]

    assert await keys(BOB) == [bobs.key]
    assert await keys(CAROL) == []
    assert await keys(ALICE) == [alices.key, bobs.key]
    assert [row["id"] for row in await call("exec.approval.list", BOB)] == [bobs.key]


async def test_who_is_named_as_decider_sees_a_request() -> None:
    named = await run_db(lambda: ask(add_chat(), by="user:77", allowed=[CAROL.owner]))

    assert [row["id"] for row in (await call("approvals.list", CAROL))["approvals"]] == [named.key]
    assert (await call("approvals.list", BOB))["approvals"] == []


async def test_a_request_has_the_shapes_of_both_worlds(bobs: Approval) -> None:
    (listed,) = await call("exec.approval.list", BOB)
    got = await call("exec.approval.get", BOB, id=bobs.key)
    own = (await call("approvals.get", BOB, id=bobs.key))["approval"]

    assert listed.keys() == {"id", "request", "createdAtMs", "expiresAtMs", "approvalKind"}
    assert (listed["request"]["command"], listed["request"]["sessionKey"]) == ("Restart it", BOBS_KEY)
    assert (got["commandText"], got["allowedDecisions"]) == ("Restart it", ["allow-once", "deny"])
    assert (own["state"], own["kind"], own["sessionKey"]) == ("waiting", "test", BOBS_KEY)


@pytest.mark.parametrize(("decision", "state"), [("allow-once", "approved"), ("deny", "rejected")])
async def test_bob_decides_his_own(bobs: Approval, decision: str, state: str) -> None:
    assert await call("exec.approval.resolve", BOB, id=bobs.key, decision=decision) == {"ok": True}
    assert await call("exec.approval.resolve", BOB, id=bobs.key, decision=decision) == {"ok": True}
    await run_db(bobs.refresh_from_db)

    assert (bobs.state, bobs.decided_by) == (state, bobs.requested_by)
    with pytest.raises(Refused) as late:
        await call("approvals.decide", ALICE, id=bobs.key, approve=state != "approved")
    assert (late.value.code, late.value.error["details"]["state"]) == ("APPROVAL_NOT_FOUND", state)
    assert (await call("approvals.list", BOB))["approvals"] == []
    assert len((await call("approvals.list", BOB, state=state))["approvals"]) == 1


async def test_allowing_always_is_refused_clearly(bobs: Approval) -> None:
    with pytest.raises(Refused, match="allow-once, deny") as refused:
        await call("exec.approval.resolve", BOB, id=bobs.key, decision="allow-always")
    await run_db(bobs.refresh_from_db)

    assert (refused.value.code, bobs.state) == ("INVALID_REQUEST", "waiting")


async def test_what_is_not_bobs_gets_the_answer_of_what_is_not_there(alices: Approval) -> None:
    for name in ("approvals.get", "approvals.decide", "exec.approval.get", "exec.approval.resolve"):
        answers = []
        for key in (alices.key, "nonsense", "x" * 100):
            with pytest.raises(Refused) as refused:
                await call(name, BOB, **(METHODS[name] | {"id": key}))
            answers.append(refused.value.error)
        assert answers[0] == answers[1] == answers[2]
        assert answers[0]["code"] == "APPROVAL_NOT_FOUND"
    await run_db(alices.refresh_from_db)
    assert alices.state == "waiting"


async def test_who_asked_over_the_gateway_cannot_answer_where_somebody_else_must() -> None:
    asked = await run_db(lambda: ask(add_session(), by=add_contact().subject, data={"no_self": True}))
    with pytest.raises(Refused, match="somebody else must decide"):
        await call("approvals.decide", BOB, id=asked.key, approve=True)

    assert (await call("approvals.decide", ALICE, id=asked.key, approve=True))["approval"]["state"] == "approved"


async def test_what_only_admins_decide_is_not_for_an_operator() -> None:
    asked = await run_db(lambda: ask(add_session(), by="user:77", role="admin"))
    with pytest.raises(Refused, match="somebody else must decide"):
        await call("exec.approval.resolve", BOB, id=asked.key, decision="allow-once")


async def test_what_ran_out_waits_no_more(bobs: Approval) -> None:
    late = timezone.now() - timedelta(seconds=1)
    await run_db(Approval.objects.filter(pk=bobs.pk).update, expires_at=late)

    assert await call("exec.approval.list", BOB) == []
    for name in ("exec.approval.get", "exec.approval.resolve"):
        with pytest.raises(Refused, match="unknown or expired"):
            await call(name, BOB, **(METHODS[name] | {"id": bobs.key}))


async def test_lists_are_paged(bobs: Approval) -> None:
    await run_db(lambda: [ask(add_session(name=f"s{number}"), by=bobs.requested_by) for number in range(4)])
    first = await call("approvals.list", BOB, limit=3)
    second = await call("approvals.list", BOB, limit=3, cursor=first["nextCursor"])

    assert (len(first["approvals"]), len(second["approvals"])) == (3, 2)
    assert "nextCursor" not in second


async def test_those_who_may_decide_hear_of_it_at_once(bobs: Approval) -> None:
    """The nudges of a request and of its decision become events for Bob and Alice, with the keys that each knows."""
    reader = principal("bob", Scope.READ)
    async with NudgeListener("test") as listener:
        approvalfeed.listen(listener)
        with Line(ALICE) as alice, Line(BOB) as bob, Line(CAROL) as carol, Line(reader) as blind:
            asked = await run_db(lambda: ask(Session.objects.get(), by=bobs.requested_by))
            await heard(bob, "exec.approval.requested")
            await call("exec.approval.resolve", BOB, id=asked.key, decision="deny")
            await heard(alice, "exec.approval.resolved")
            await heard(bob, "exec.approval.resolved")

    (requested, resolved), (to_alice, _) = bob.events, alice.events
    assert (requested[1]["id"], requested[1]["request"]["sessionKey"]) == (asked.key, BOBS_KEY)
    assert to_alice[1]["request"]["sessionKey"] != BOBS_KEY
    assert (resolved[1]["decision"], resolved[1]["resolvedBy"]) == ("deny", bobs.requested_by)
    assert (carol.events, blind.events) == ([], [])


async def test_a_request_and_its_decision_are_told_once_however_often_it_is_looked_at(bobs: Approval) -> None:
    """Whoever may not decide, or comes late, changes nothing of which others would have to hear again."""
    async with NudgeListener("test") as listener:
        approvalfeed.listen(listener)
        with Line(ALICE) as alice:
            asked = await run_db(lambda: ask(Session.objects.get(), by=bobs.requested_by))
            await heard(alice, "exec.approval.requested")
            stranger = Actor(subject="user:99", role=Role.VIEWER, name="Charlie")
            assert (await run_db(decide, asked.key, actor=stranger, approve=True)).outcome == "not_allowed"
            decider = Actor(subject=bobs.requested_by, role=Role.OPERATOR, name="Bob")
            assert (await run_db(decide, asked.key, actor=decider, approve=False)).outcome == "rejected"
            assert (await run_db(decide, asked.key, actor=decider, approve=True)).outcome == "late"
            last = await run_db(lambda: ask(Session.objects.get(), by=bobs.requested_by))
            async with asyncio.timeout(10):
                while alice.events[-1][1]["id"] != last.key:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
    told = [name for name, payload in alice.events if payload["id"] == asked.key]
    assert told == ["exec.approval.requested", "exec.approval.resolved"]


async def heard(line: Line, event: str) -> None:
    """Wait until a connection was told of something."""
    async with asyncio.timeout(30):
        while event not in [name for name, _ in line.events]:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
