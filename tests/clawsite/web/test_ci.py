"""The webhook of forges: a row before the acknowledgement, nothing without the secret, one answer for what is not."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from pytest_django import Settings

from clawsite.core.db import close_pool, run_db
from clawsite.web import ci
from clawsite.web.ci import MAX_BODY, CiWebhook
from clawsite.web.entry import application
from guardrails.limits import reset_limits
from runbooks.models import CiDelivery, ForgeConnection, Project
from tests.clawsite.web.asking import Answer, ask
from tests.contracts import hooks

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "a-secret-of-both-sides"
BODY = json.dumps(hooks.github_run()).encode()


@pytest.fixture(autouse=True)
def shop() -> Iterator[Project]:
    reset_limits()
    project = Project.objects.create(key="shop-1", name="shop", owner="user:2", type="python")
    ForgeConnection.objects.create(project=project, kind="github", repository="octo/shop", webhook_secret=SECRET)
    Project.objects.create(key="bare-1", name="bare", owner="user:2", type="python")
    yield project
    close_pool()


def signed(body: bytes, secret: str = SECRET, **more: str) -> dict[str, str]:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    own = {"x-hub-signature-256": f"sha256={signature}", "x-github-event": "workflow_run", "x-github-delivery": "d-1"}
    return own | {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in more.items()}


async def deliver(
    body: bytes = BODY,
    *,
    headers: dict[str, str] | None = None,
    path: str = "/webhook/ci/shop-1",
    app: CiWebhook | None = None,
    method: str = "POST",
) -> Answer:
    given = signed(body) if headers is None else headers
    return await ask(app or CiWebhook(), path, method=method, body=body, headers=given, client="203.0.113.7")


def rows() -> list[tuple[str, str, str, str, str]]:
    return list(CiDelivery.objects.values_list("kind", "event", "delivery_id", "state", "origin"))


async def test_a_delivery_is_a_row_before_it_is_acknowledged() -> None:
    assert (await deliver()).status == 202
    assert await run_db(rows) == [("github", "workflow_run", "d-1", "new", "203.0.113.7")]
    assert (await deliver()).status == 200  # sent again
    assert len(await run_db(rows)) == 1


async def test_a_form_of_github_is_the_same_delivery() -> None:
    body = urlencode({"payload": BODY.decode()}).encode()
    answer = await deliver(body, headers=signed(body, content_type="application/x-www-form-urlencoded"))
    assert answer.status == 202
    assert json.loads(await run_db(lambda: CiDelivery.objects.get().body)) == hooks.github_run()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature-256": "sha256=" + "0" * 64},
        {"x-hub-signature-256": "é"},
        {"x-gitlab-token": SECRET},
        {"authorization": f"Bearer {SECRET}"},
        signed(BODY + b" "),
        signed(BODY, "another-secret-of-somebody"),
    ],
)
async def test_charlie_without_the_secret_stores_nothing(headers: dict[str, str]) -> None:
    assert (await deliver(headers=headers)).status == 401
    assert await run_db(rows) == []


async def test_what_does_not_exist_and_what_is_not_connected_get_one_answer() -> None:
    paths = ("/webhook/ci/nobody", "/webhook/ci/bare-1", "/webhook/ci/", "/webhook/ci/a/b", "/webhook/ci/../x")
    answers = [await deliver(path=path) for path in paths]
    assert {(answer.status, answer.body) for answer in answers} == {(404, b"no such webhook\n")}


async def test_without_a_secret_or_switched_off_there_is_no_webhook() -> None:
    await run_db(lambda: ForgeConnection.objects.update(enabled=False))
    assert (await deliver()).status == 404
    await run_db(lambda: ForgeConnection.objects.update(enabled=True, webhook_secret=""))
    assert (await deliver(headers=signed(BODY, ""))).status == 404


async def test_a_changed_connection_is_known_after_its_nudge() -> None:
    app = CiWebhook()
    assert (await deliver(app=app)).status == 202
    await run_db(lambda: ForgeConnection.objects.update(kind="gitlab"))
    app.forget()
    assert (await deliver(app=app)).status == 401
    gitlab = {"x-gitlab-token": SECRET, "x-gitlab-event": "Pipeline Hook", "x-gitlab-event-uuid": "u-1"}
    assert (await deliver(app=app, headers=gitlab)).status == 202


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"\xff\xfe", b"[" * 100_000])
async def test_what_is_no_object_is_refused_for_good(body: bytes) -> None:
    assert (await deliver(body)).status == 400
    assert await run_db(rows) == []


async def test_too_much_is_refused() -> None:
    assert (await deliver(b"x" * (MAX_BODY + 1))).status == 413
    assert (await deliver(method="GET")).status == 405


async def test_too_many_wrong_secrets_do_not_lock_out_the_forge() -> None:
    app = CiWebhook()
    statuses = [(await deliver(app=app, headers={})).status for _ in range(40)]
    assert (statuses[0], statuses[-1]) == (401, 429)
    assert (await deliver(app=app)).status == 202


async def test_a_flood_of_signed_deliveries_is_held_up(settings: Settings) -> None:
    settings.CLAW_RATES = ["webhook.ci=2/m"]
    statuses = [(await deliver(headers=signed(BODY, x_github_delivery=f"d-{n}"))).status for n in range(3)]
    assert statuses == [202, 202, 429]


async def test_a_busy_database_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ci, "STORE_SECONDS", 0.0)
    assert (await deliver()).status == 503


async def test_the_entry_sends_it_here() -> None:
    answer = await ask(application, "/webhook/ci/shop-1", method="POST", body=BODY, headers=signed(BODY))
    assert (answer.status, answer.body) == (202, b"stored\n")
