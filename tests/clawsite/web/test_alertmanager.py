"""The webhook of alerts: nothing without the token, nothing acknowledged before it is stored; never a 429."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from clawsite.core.db import close_pool, run_db
from clawsite.web import alertmanager
from clawsite.web.alertmanager import MAX_BODY, AlertmanagerWebhook, is_alertmanager
from clawsite.web.entry import application
from runbooks.models import AlertWebhook
from tests.clawsite.web.asking import Answer, ask
from tests.runbooks.alerts.deliveries import One, body

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "a-token-that-nobody-finds-by-trying"
BODY = json.dumps(body(One())).encode()


@pytest.fixture(autouse=True)
def token(settings: Any) -> Iterator[None]:
    settings.ALERTMANAGER_WEBHOOK_TOKEN = TOKEN
    yield
    close_pool()


async def deliver(
    data: bytes = BODY,
    *,
    auth: str = f"Bearer {TOKEN}",
    path: str = "/webhook/alertmanager",
    app: AlertmanagerWebhook | None = None,
    method: str = "POST",
    client: str = "203.0.113.7",
) -> Answer:
    headers = {"authorization": auth} if auth else {}
    return await ask(app or AlertmanagerWebhook(), path, method=method, body=data, headers=headers, client=client)


def rows() -> list[tuple[str, str, str]]:
    return list(AlertWebhook.objects.order_by("pk").values_list("state", "source", "origin"))


async def test_a_delivery_is_a_row_before_it_is_acknowledged() -> None:
    assert (await deliver()).status == 200
    assert await run_db(rows) == [("new", "", "203.0.113.7")]
    assert json.loads(await run_db(lambda: AlertWebhook.objects.get().body)) == body(One())


async def test_the_address_may_name_a_system() -> None:
    assert (await deliver(path="/webhook/alertmanager/guardian")).status == 200
    assert (await run_db(rows))[0][1] == "guardian"


@pytest.mark.parametrize("auth", ["", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN])
async def test_charlie_without_the_token_stores_nothing(auth: str) -> None:
    assert (await deliver(b"{not json", auth=auth)).status == 401
    assert await run_db(rows) == []


async def test_without_a_token_set_nothing_is_taken_and_alertmanager_tries_again(settings: Any) -> None:
    settings.ALERTMANAGER_WEBHOOK_TOKEN = ""
    assert (await deliver()).status == 503
    assert (await deliver(auth="Bearer ")).status == 503
    assert await run_db(rows) == []


async def test_wrong_tokens_do_not_lock_alertmanager_out_which_shares_their_address() -> None:
    app = AlertmanagerWebhook()
    answers = [await deliver(auth="Bearer guess", app=app) for _ in range(40)]
    assert {answer.status for answer in answers} == {401}
    assert (await deliver(app=app)).status == 200


async def test_a_token_that_can_be_guessed_closes_the_door_to_who_guesses(settings: Any) -> None:
    settings.ALERTMANAGER_WEBHOOK_TOKEN = "short"
    app = AlertmanagerWebhook()
    statuses = [(await deliver(auth="Bearer guess", app=app)).status for _ in range(40)]
    assert (statuses[0], statuses[-1]) == (401, 503)
    assert (await deliver(auth="Bearer short", app=app)).status == 503
    assert (await deliver(auth="Bearer short", app=app, client="203.0.113.8")).status == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"", 400), (b"[]", 400), (b"5", 400), (b"\xff\xfe", 400), (b"[" * 100_000, 400), (b"x" * (MAX_BODY + 1), 413)],
)
async def test_what_will_never_pass_is_refused_for_good(data: bytes, status: int) -> None:
    assert (await deliver(data)).status == status
    assert await run_db(rows) == []


@pytest.mark.parametrize("path", ["/webhook/alertmanager/a/b", "/webhook/alertmanager/../x", "/webhook/alertmanager/é"])
async def test_an_address_that_is_none_is_not_found(path: str) -> None:
    assert (await deliver(path=path)).status == 404


async def test_only_post_is_answered() -> None:
    assert (await deliver(method="GET")).status == 405


async def test_what_cannot_be_stored_is_a_503_and_the_repeat_is_taken() -> None:
    def rename(old: str, new: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")

    await run_db(rename, "runbooks_alertwebhook", "away")
    try:
        assert (await deliver()).status == 503
    finally:
        await run_db(rename, "away", "runbooks_alertwebhook")
    assert (await deliver()).status == 200
    assert len(await run_db(rows)) == 1


async def test_a_busy_database_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alertmanager, "STORE_SECONDS", 0.0)
    assert (await deliver()).status == 503


async def test_the_entry_sends_it_here(settings: Any) -> None:
    answer = await ask(
        application, "/webhook/alertmanager", method="POST", body=BODY, headers={"authorization": f"Bearer {TOKEN}"}
    )
    assert (answer.status, answer.body) == (200, b"stored\n")
    assert not is_alertmanager("/webhook/alertmanagers")


@pytest.mark.bench
async def test_a_thousand_deliveries_are_stored_in_ten_seconds() -> None:
    app = AlertmanagerWebhook()
    begin = time.monotonic()
    answers = await asyncio.gather(*(deliver(app=app) for _ in range(1000)))
    took = time.monotonic() - begin
    assert {answer.status for answer in answers} == {200}
    assert await run_db(AlertWebhook.objects.count) == 1000
    assert took < 10
