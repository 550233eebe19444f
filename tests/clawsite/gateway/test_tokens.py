"""Tokens: made, rotated and revoked; what ends ends its connections, also without a nudge."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta

import pytest
from django.db import connections
from django.test import AsyncClient
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from clawsite.core import db
from clawsite.core.db import run_db
from clawsite.core.errors import BadInput
from clawsite.core.models import AuditEvent, User
from clawsite.core.nudge import NudgeListener
from clawsite.gateway import events
from clawsite.gateway.auth import Grants, find_dead_tokens
from clawsite.gateway.owners import find_principal
from clawsite.gateway.principal import Scope
from clawsite.gateway.tokens import create_token, digest_of, parse_scopes, parse_span, revoke_token, rotate_token
from clawsite.models import GatewayToken
from tests.clawsite.gateway.seat import AT_ONCE, Gateway, Line, Refused, principal
from tests.clawsite.management.running import run
from tests.clawsite.running import until

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = "user:1"
PASSWORD = "correct horse battery"


def test_a_secret_is_not_stored() -> None:
    token, secret = create_token("ci", scopes=["read"], actor=ACTOR)
    assert secret.startswith(f"{token.prefix}_")
    assert token.digest == digest_of(secret)
    row = str(list(GatewayToken.objects.values()))
    assert secret.removeprefix(f"{token.prefix}_") not in row
    assert secret not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb"])
def test_a_token_needs_a_name(name: str) -> None:
    with pytest.raises(BadInput):
        create_token(name, scopes=["read"], actor=ACTOR)


@pytest.mark.parametrize("scopes", [[], ["root"], ["operator."], ["read", "x"]])
def test_scopes_must_exist(scopes: list[str]) -> None:
    with pytest.raises(BadInput, match="Scopes: read, write"):
        parse_scopes(scopes)


@pytest.mark.parametrize(
    ("text", "span"), [("90m", timedelta(minutes=90)), ("4w", timedelta(weeks=4)), (" 1D ", timedelta(days=1))]
)
def test_spans(text: str, span: timedelta) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["", "1", "0d", "-1d", "1y", "1.5h", "999999d"])
def test_wrong_spans(text: str) -> None:
    with pytest.raises(BadInput):
        parse_span(text)


def test_a_rotated_token_works_for_the_overlap_and_its_successor_lasts_as_long() -> None:
    ends = timezone.now() + timedelta(days=30)
    old, _ = create_token("ci", scopes=["read"], actor=ACTOR, expires_at=ends)
    new, secret = rotate_token(old, actor=ACTOR)
    old.refresh_from_db()
    assert (old.state, old.replaced_by_id) == ("rotated", new.pk)
    assert old.expires_at is not None
    assert timedelta(hours=23) < old.expires_at - timezone.now() <= timedelta(hours=24)
    assert new.expires_at is not None
    assert abs(new.expires_at - ends) < timedelta(minutes=1)
    assert new.digest == digest_of(secret)
    with pytest.raises(BadInput):
        rotate_token(old, actor=ACTOR)


async def test_a_rotated_token_keeps_its_sessions_and_jobs() -> None:
    first, _ = await run_db(lambda: create_token("ci", scopes=["read"], actor=ACTOR))
    second, _ = await run_db(lambda: rotate_token(first, actor=ACTOR))
    third, secret = await run_db(lambda: rotate_token(second, actor=ACTOR))
    await run_db(lambda: revoke_token(first, actor=ACTOR))
    grant = await Grants().find(secret)
    assert grant is not None
    assert (grant.subject, grant.owner) == (f"token:{third.pk}", f"token:{first.pk}")
    found = await run_db(find_principal, first.subject)
    assert found is not None
    assert found.subject == third.subject
    assert await run_db(find_principal, third.subject) is None


def test_a_revoked_token_cannot_be_rotated() -> None:
    token, _ = create_token("ci", scopes=["read"], actor=ACTOR)
    revoke_token(token, actor=ACTOR)
    revoke_token(token, actor=ACTOR)
    assert token.state == "revoked"
    assert AuditEvent.objects.filter(action="token.revoke").count() == 1
    with pytest.raises(BadInput):
        rotate_token(token, actor=ACTOR)


async def test_who_a_secret_is() -> None:
    user = await run_db(User.objects.create_user, "bob", password=PASSWORD)
    _, secret = await run_db(lambda: create_token("bob", scopes=["write"], actor=ACTOR, user_id=user.pk))
    grant = await Grants().find(secret)
    assert grant is not None
    bob, shown = grant.ask(None)
    assert (bob.owner, bob.user_id, bob.sees_all) == (f"user:{user.pk}", user.pk, False)
    assert bob.scopes == {Scope.READ, Scope.WRITE}
    assert shown == ["operator.read", "operator.write"]
    assert await Grants().find(secret[:-1] + ("A" if secret[-1] != "A" else "B")) is None
    assert await Grants().find("") is None
    await run_db(User.objects.filter(pk=user.pk).update, is_active=False)
    assert await Grants().find(secret) is None


@pytest.mark.parametrize(
    ("tokens", "said"),
    [([], ("INFO", "yet")), (["revoked"], ("WARNING", "any more")), (["revoked", "live"], None)],
)
async def test_a_fresh_gateway_that_nobody_can_call_is_no_cause_for_alarm(
    settings: Settings, caplog: pytest.LogCaptureFixture, tokens: list[str], said: tuple[str, str] | None
) -> None:
    settings.CLAW_GATEWAY_TOKEN = ""
    for state in tokens:
        token, _ = await run_db(lambda name=state: create_token(name, scopes=["read"], actor=ACTOR))  # type: ignore[misc]
        if state == "revoked":
            await run_db(revoke_token, token, actor=ACTOR)
    with caplog.at_level(logging.INFO, logger="clawsite.gateway.events"):
        async with NudgeListener("test") as listener:
            events.listen(listener)
            await asyncio.gather(*events._looks)
    found = [(row.levelname, row.getMessage()) for row in caplog.records if "make a token" in row.getMessage()]
    assert len(found) == (said is not None)
    assert said is None or (found[0][0] == said[0] and f"{said[1]}: make a token" in found[0][1])


async def test_an_expired_token_is_seen_also_where_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    token, secret = await run_db(
        lambda: create_token("x", scopes=["read"], actor=ACTOR, expires_at=timezone.now() + timedelta(hours=1))
    )
    grants = Grants()
    assert await grants.find(secret)
    monkeypatch.setattr("clawsite.gateway.auth.timezone.now", lambda: token.created_at + timedelta(hours=2))
    assert await grants.find(secret) is None


async def test_a_kept_token_is_forgotten_when_told() -> None:
    token, secret = await run_db(lambda: create_token("x", scopes=["read"], actor=ACTOR))
    grants = Grants()
    assert await grants.find(secret)
    await run_db(lambda: revoke_token(token, actor=ACTOR))
    grants.forget()
    assert await grants.find(secret) is None
    assert await run_db(find_dead_tokens, [token.pk, 999]) == {token.pk, 999}


async def test_what_was_read_before_a_token_ended_is_not_believed() -> None:
    token, secret = await run_db(lambda: create_token("x", scopes=["read"], actor=ACTOR))
    grants = Grants()
    asking = asyncio.create_task(grants.find(secret))
    await asyncio.sleep(0)
    # The loop stands still until the token was read and then revoked; then comes the news of it.
    db._get_pool(1).submit(lambda: revoke_token(token, actor=ACTOR), rank=1, grouped=False).result(10)
    grants.forget()
    assert await asking is None


async def test_only_an_admin_calls_the_methods() -> None:
    bob = Line(principal("bob", Scope.WRITE, Scope.APPROVALS))
    for method in ("tokens.list", "tokens.create", "tokens.revoke", "tokens.rotate"):
        with pytest.raises(Refused, match=r"missing scope: operator\.admin"):
            await bob.call(method)


async def test_tokens_over_the_wire() -> None:
    alice = Line()
    made = await alice.call("tokens.create", name="ci", scopes=["read"], expires="30d")
    assert made["token"]["state"] == "live"
    rotated = await alice.call("tokens.rotate", id=made["token"]["id"], overlap="1h")
    assert rotated["secret"] != made["secret"]
    assert (await alice.call("tokens.revoke", id=made["token"]["id"]))["token"]["state"] == "revoked"
    listed = await alice.call("tokens.list")
    assert [(row["name"], row["state"]) for row in listed["tokens"]] == [("ci", "live"), ("ci", "revoked")]
    assert "digest" not in str(listed)
    with pytest.raises(Refused, match="There is no such token"):
        await alice.call("tokens.revoke", id=999)
    with pytest.raises(Refused, match="INVALID_REQUEST"):
        await alice.call("tokens.create", name="x", scopes=["root"])


async def test_a_list_has_every_token_that_opens_a_connection_however_many_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    oldest = await run_db(lambda: create_token("oldest", scopes=["read"], actor=ACTOR)[0])
    await run_db(leave_ended, 600)
    listed = (await Line().call("tokens.list"))["tokens"]
    said = json.loads((await run_db(run, monkeypatch, "token", "list", "--json")).text)
    for rows in (listed, said):
        assert [row["id"] for row in rows if row["state"] == "live"] == [oldest.pk]
        assert [row["name"] for row in rows[:2]] == ["task 599", "task 598"]
        assert len(rows) < 600


def leave_ended(count: int) -> None:
    """Store the tokens of so many tasks, each of which lasted for as long as its task."""
    past = timezone.now() - timedelta(hours=1)
    GatewayToken.objects.bulk_create(
        GatewayToken(name=f"task {number}", digest=f"{number}", expires_at=past) for number in range(count)
    )


async def test_a_revoked_token_ends_its_connections_at_once_and_no_other(gateway: Gateway) -> None:
    token, secret = await run_db(lambda: create_token("bob", scopes=["read"], actor=ACTOR))
    async with gateway.client(secret) as bob, gateway.client() as alice:
        assert await bob.call("ping")
        await run_db(lambda: revoke_token(token, actor=ACTOR))
        assert await bob.closed(timeout=AT_ONCE) == (4001, "gateway auth changed")
        assert await alice.call("ping")
    with pytest.raises(Refused, match="token mismatch"):
        async with gateway.client(secret):
            pass
    await asyncio.to_thread(until, lambda: is_used(token.pk), seconds=60, what="the use of the token is noted")


async def test_an_account_that_is_switched_off_loses_its_connections_at_once(gateway: Gateway) -> None:
    bob = await run_db(User.objects.create_user, "bob", password=PASSWORD)
    root = await run_db(User.objects.create_superuser, "alice", password=PASSWORD)
    secret = await run_db(lambda: create_token("bob", scopes=["read"], actor=ACTOR, user_id=bob.pk)[1])
    browser = AsyncClient()
    await browser.aforce_login(root)
    async with gateway.client(secret) as client:
        page = reverse("admin:core_user_change", args=[bob.pk])
        assert (await browser.post(page, {"username": "bob"})).status_code == 302
        assert await client.closed(timeout=AT_ONCE) == (4001, "gateway auth changed")
    with pytest.raises(Refused, match="token mismatch"):
        async with gateway.client(secret):
            pass


def is_used(pk: int) -> bool:
    """Tell whether a token is known to have been used; from another thread."""
    try:
        return GatewayToken.objects.filter(pk=pk).exclude(last_used_at=None).exists()
    finally:
        connections.close_all()
