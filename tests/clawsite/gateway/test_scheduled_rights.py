"""In whose name schedules speak: never in somebody else's, and never with more than their owner may do by then."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import override_settings

from clawsite.core.db import run_db
from clawsite.gateway.access import admit
from clawsite.gateway.owners import find_principal
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.tokens import revoke_token, rotate_token
from clawsite.models import GatewayToken
from guardrails.types import Actor, Role
from runbooks.models import Job
from sessions_app.contacts import block_contact
from sessions_app.models import Inbox, Outbox, Session
from tests.clawsite.gateway.clock import MORNING, add, add_chat, finish, holder, make_due, result_of, token_of, work
from tests.clawsite.gateway.seat import Refused
from tests.clawsite.gateway.talk import Talk

ROOT = Actor(subject="user:1", role=Role.ADMIN)
NO_TOKEN = "has no live token that may write"


@pytest.fixture
async def alice(talk: Talk) -> Principal:
    """An admin."""
    return await holder("alice", Scope.ADMIN)


@pytest.fixture
async def bob(talk: Talk) -> Principal:
    """An operator."""
    return await holder("bob", Scope.WRITE)


@pytest.fixture
async def charlie(talk: Talk) -> Principal:
    """Somebody who may look."""
    return await holder("charlie", Scope.READ)


async def narrow(who: Principal, *scopes: Scope) -> None:
    """Leave somebody's token with less."""
    await run_db(GatewayToken.objects.filter(pk=token_of_pk(who)).update, scopes=[str(each) for each in scopes])


def token_of_pk(who: Principal) -> int:
    return int(who.subject.partition(":")[2])


async def test_bob_and_charlie_schedule_nothing(
    talk: Talk, alice: Principal, bob: Principal, charlie: Principal
) -> None:
    with talk.line(alice) as line:
        theirs = await add(line, sessionTarget="main")
    foreign = f"agent:main:gateway:{talk.channel.pk}:direct:{alice.owner}/main"
    event = {"kind": "systemEvent", "text": "x"}
    params: dict[str, Any] = {"payload": MORNING, "delivery": {"mode": "announce", "to": foreign}}
    for who in (bob, charlie):
        with talk.line(who) as line:
            for name in ("update", "remove", "run"):
                with pytest.raises(Refused, match="missing scope"):
                    await line.call(f"cron.{name}", id=theirs["id"], patch={"payload": MORNING})
            with pytest.raises(Refused, match="missing scope"):
                await add(line, delivery={"mode": "announce", "to": foreign})
            with pytest.raises(Refused, match=r"Only the role admin|missing scope"):
                await line.call("jobs.create", kind="cron.agentTurn", params=params)
            with pytest.raises(Refused, match=r"Only the role admin|missing scope"):
                await line.call("jobs.create", kind="cron.systemEvent", params={"payload": event})
    assert await run_db(Job.objects.count) == 0


async def test_a_connection_that_asked_for_less_gains_nothing(talk: Talk, alice: Principal) -> None:
    lesser = Principal(
        subject=alice.subject,
        owner=alice.owner,
        name="alice",
        granted=alice.granted,
        scopes=frozenset({Scope.READ, Scope.WRITE}),
    )
    with talk.line(lesser) as line, pytest.raises(Refused, match="Only the role admin"):
        await line.call("jobs.create", kind="cron.agentTurn", params={"payload": MORNING})


async def test_an_admin_speaks_in_nobody_elses_name(talk: Talk, alice: Principal) -> None:
    root = await holder("root", Scope.ADMIN)
    with talk.line(alice) as line, talk.line(root) as other:
        theirs = await add(line)
        for patch in ({"payload": MORNING | {"message": "I resign."}}, {"sessionTarget": "main"}, {"delivery": None}):
            with pytest.raises(Refused, match="Only its owner changes what is said in their name"):
                await other.call("cron.update", id=theirs["id"], patch=patch)
        plain = await add(line, name="plain", payload={"kind": "job", "job": "selftest"})
        with pytest.raises(Refused, match="Only its owner"):
            await other.call("cron.update", id=plain["id"], patch={"payload": MORNING})
        assert (await other.call("cron.update", id=theirs["id"], patch={"enabled": False}))["enabled"] is False


async def test_who_was_revoked_says_nothing_any_more(talk: Talk, alice: Principal) -> None:
    root = await holder("root", Scope.ADMIN)
    with talk.line(alice) as line, talk.line(root) as other:
        schedule = await add(line)
        await run_db(lambda: revoke_token(token_of(alice), actor="test"))
        job = await work(await make_due(schedule))
        assert (job.state, job.error) == ("failed", f"'{alice.owner}' {NO_TOKEN} over the gateway.")
        assert await run_db(Inbox.objects.count) == 0
        with pytest.raises(Refused, match=NO_TOKEN):
            await other.call("cron.update", id=schedule["id"], patch={"name": "new"})
        await other.call("cron.update", id=schedule["id"], patch={"enabled": False})


async def test_who_is_revoked_while_it_waits_hears_no_answer(talk: Talk, alice: Principal) -> None:
    talk.model.set_default("For you.")
    with talk.line(alice) as line:
        job = await work(await make_due(await add(line, delivery={"mode": "announce"})))
    await run_db(lambda: revoke_token(token_of(alice), actor="test"))
    async with talk.running():
        await talk.quiet()
    assert NO_TOKEN in (await work(job)).error
    assert not await run_db(Session.objects.filter(chat_id=f"{alice.owner}/main").exists)


async def test_who_was_blocked_says_nothing_any_more(talk: Talk, alice: Principal) -> None:
    with talk.line(alice) as line:
        schedule = await add(line)
        contact = await run_db(admit, alice, talk.channel)
        await run_db(lambda: block_contact(contact, actor=ROOT))
        job = await work(await make_due(schedule))
    assert (job.state, job.error) == ("failed", "An admin has shut you out of this chat.")
    assert await run_db(Inbox.objects.count) == 0


async def test_who_is_no_admin_any_more_speaks_with_what_is_left(talk: Talk, alice: Principal) -> None:
    talk.model.set_default("Hello.")
    await run_db(add_chat)
    announced = {"mode": "announce", "channel": "support", "to": "99"}
    with talk.line(alice) as line:
        other = await add(line, name="other", delivery=announced)
        chat = f"agent:main:gateway:{talk.channel.pk}:direct:token:999/main"
        await run_db(Session.objects.create, channel=talk.channel, chat_id="token:999/main", kind="direct")
        foreign = await add(line, name="foreign", delivery={"mode": "announce", "to": chat})
        own = await add(line, name="own", delivery={"mode": "announce"})
        await narrow(alice, Scope.WRITE)
        assert "Only an admin's schedule" in (await work(await make_due(other))).error
        assert "There is no session" in (await work(await make_due(foreign))).error
        assert await run_db(Inbox.objects.count) == 0
        job = await finish(talk, await make_due(own))
        assert result_of(job)["delivered"] is True
        assert '"role":"operator"' in (await run_db(Inbox.objects.get)).raw
        await narrow(alice, Scope.READ)
        assert NO_TOKEN in (await work(await make_due(own))).error
    assert await run_db(Outbox.objects.filter(channel__name="support").count) == 0


async def test_a_token_that_was_rotated_lives_on_in_its_successor(talk: Talk, alice: Principal) -> None:
    with talk.line(alice) as line:
        schedule = await add(line)
        new, _ = await run_db(lambda: rotate_token(token_of(alice), actor="test"))
        await run_db(GatewayToken.objects.filter(pk=token_of_pk(alice)).update, expires_at=new.created_at)
        assert (await work(await make_due(schedule))).state == "queued"
        await run_db(lambda: revoke_token(new, actor="test"))
        assert NO_TOKEN in (await work(await make_due(schedule))).error


async def test_an_account_has_what_its_live_tokens_have(talk: Talk) -> None:
    user = await run_db(lambda: get_user_model().objects.create_user("ann"))
    owner = f"user:{user.pk}"
    assert await run_db(find_principal, owner) is None
    admin = await holder("one", Scope.ADMIN, user_id=user.pk)
    await holder("two", Scope.READ, user_id=user.pk)
    found = await run_db(find_principal, owner)
    assert found is not None
    assert (found.owner, found.role, found.user_id) == (owner, Role.ADMIN, user.pk)
    await run_db(lambda: revoke_token(token_of(admin), actor="test"))
    found = await run_db(find_principal, owner)
    assert found is not None
    assert found.role is Role.VIEWER
    await run_db(get_user_model().objects.update, is_active=False)
    assert await run_db(find_principal, owner) is None


@pytest.mark.parametrize("owner", ["", "system", "token:", "token:x", "token:999", "user:-1", "role:1", "token:²"])
async def test_what_is_nobodys_may_nothing(talk: Talk, owner: str) -> None:
    assert await run_db(find_principal, owner) is None


async def test_the_environments_token_speaks_while_it_is_there(talk: Talk) -> None:
    with override_settings(CLAW_GATEWAY_TOKEN="t" * 40):
        found = await run_db(find_principal, "env")
        assert found is not None
        assert found.role is Role.ADMIN
    with override_settings(CLAW_GATEWAY_TOKEN=""):
        found = await run_db(find_principal, "env")
        assert found is None or found.role is Role.STRANGER
