"""Webhook intake: nothing without the secret, nothing acknowledged before it is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from clawsite.core.db import close_pool, run_db
from clawsite.web import webhooks
from clawsite.web.webhooks import MAX_BODY, TelegramWebhook
from guardrails.limits import reset_limits
from sessions_app.models import Channel, Inbox
from tests.clawsite.web.asking import Answer, ask

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "the-right-secret"


@pytest.fixture(autouse=True)
def pool() -> Iterator[None]:
    reset_limits()
    yield
    close_pool()


@pytest.fixture
def channel() -> Channel:
    return Channel.objects.create(
        kind="telegram", name="main", token="100:abc", webhook_secret=SECRET, config={"mode": "webhook"}
    )


def update(number: int = 7, text: str = "hello") -> dict[str, Any]:
    alice = {"id": 5, "is_bot": False, "first_name": "Alice"}
    chat = {"id": 5, "type": "private", "first_name": "Alice"}
    message = {"message_id": 1, "date": 1, "chat": chat, "from": alice, "text": text}
    return {"update_id": number, "message": message}


async def deliver(
    body: bytes,
    *,
    secret: str = SECRET,
    ref: str = "main",
    app: TelegramWebhook | None = None,
    length: str = "",
    client: str = "127.0.0.1",
) -> Answer:
    headers = {"x-telegram-bot-api-secret-token": secret} | ({"content-length": length} if length else {})
    path = f"/webhook/telegram/{ref}"
    return await ask(app or TelegramWebhook(), path, method="POST", body=body, headers=headers, client=client)


def rows() -> list[tuple[str, str]]:
    return list(Inbox.objects.order_by("pk").values_list("external_id", "state"))


@pytest.mark.parametrize("by", ["name", "id"])
async def test_an_update_is_stored_once_however_often_it_comes(channel: Channel, by: str) -> None:
    ref = channel.name if by == "name" else str(channel.pk)
    app = TelegramWebhook()
    for _ in range(3):
        assert (await deliver(json.dumps(update()).encode(), ref=ref, app=app)).status == 200
    assert await run_db(rows) == [("7", "new")]


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + " ", SECRET[:-1]])
async def test_without_the_secret_the_body_is_not_even_read(channel: Channel, secret: str) -> None:
    assert (await deliver(b"{not json", secret=secret)).status == 401
    assert await run_db(rows) == []


async def test_who_tries_on_and_on_is_told_nothing_more_but_telegram_gets_through(
    channel: Channel, settings: Settings
) -> None:
    settings.CLAW_RATES = ["webhook.refused=2/m"]
    elsewhere = "203.0.113.77"
    tries = [(await deliver(b"{}", secret="wrong", client=elsewhere)).status for _ in range(3)]
    assert tries == [401, 401, 429]
    assert (await deliver(b"{}", ref="other", client=elsewhere)).status == 429
    assert (await deliver(json.dumps(update()).encode(), client=elsewhere)).status == 200


async def test_a_flood_with_the_secret_is_held_up(channel: Channel, settings: Settings) -> None:
    settings.CLAW_RATES = ["webhook.telegram=2/m"]
    statuses = [(await deliver(json.dumps(update(number)).encode())).status for number in range(3)]
    assert statuses == [200, 200, 429]


async def test_a_channel_without_a_secret_takes_nothing(channel: Channel) -> None:
    def forget() -> None:
        Channel.objects.update(webhook_secret="")

    await run_db(forget)
    assert (await deliver(json.dumps(update()).encode(), secret="")).status == 401


@pytest.mark.parametrize("ref", ["other", "", "../main", "main/x", "0"])
async def test_an_unknown_channel_is_not_found(channel: Channel, ref: str) -> None:
    assert (await deliver(json.dumps(update()).encode(), ref=ref)).status == 404


async def test_a_channel_that_was_switched_off_is_not_found(channel: Channel) -> None:
    app = TelegramWebhook()
    assert (await deliver(json.dumps(update()).encode(), app=app)).status == 200
    await run_db(lambda: Channel.objects.update(enabled=False))
    app.channels.forget()
    assert (await deliver(json.dumps(update(8)).encode(), app=app)).status == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe"])
async def test_what_is_no_update_is_refused(channel: Channel, body: bytes) -> None:
    assert (await deliver(body)).status == 400
    assert await run_db(rows) == []


async def test_a_malformed_update_is_kept_as_unparsed(channel: Channel) -> None:
    broken = {"update_id": 9, "message": {"chat": "?"}}
    assert (await deliver(json.dumps(broken).encode())).status == 200
    assert await run_db(rows) == [("9", "unparsed")]


@pytest.mark.parametrize("told", [True, False])
async def test_too_much_is_refused(channel: Channel, told: bool) -> None:
    body = json.dumps(update(text="x" * MAX_BODY)).encode()
    assert (await deliver(body, length=str(len(body)) if told else "")).status == 413
    assert await run_db(rows) == []


async def test_a_database_error_is_not_acknowledged_and_the_repeat_is_taken(channel: Channel) -> None:
    app = TelegramWebhook()

    def rename(old: str, new: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")

    await run_db(rename, "sessions_app_inbox", "away")
    try:
        assert (await deliver(json.dumps(update()).encode(), app=app)).status == 503
    finally:
        await run_db(rename, "away", "sessions_app_inbox")
    assert (await deliver(json.dumps(update()).encode(), app=app)).status == 200
    assert await run_db(rows) == [("7", "new")]


async def test_a_busy_database_is_not_waited_for_for_ever(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "COMMIT_SECONDS", 0.0)
    assert (await deliver(json.dumps(update()).encode())).status == 503


async def test_only_post_is_taken(channel: Channel) -> None:
    assert (await ask(TelegramWebhook(), "/webhook/telegram/main")).status == 405
