"""The first admin's link: works once, never again, and never beside a password that exists."""

from __future__ import annotations

import io
import logging
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.signing import TimestampSigner
from django.test import Client

from clawsite.core.errors import NotAllowed
from clawsite.core.logs import RedactFilter
from clawsite.core.models import AuditEvent, Secret, User
from clawsite.ops import first_admin
from clawsite.ops.first_admin import check_first_login, prepare_first_admin
from tests.clawsite.management.running import run
from tests.clawsite.running import Running, until
from tests.minutes import address_with_time
from tests.template import put_file

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def no_limits() -> None:
    cache.clear()


def post(client: Client, link: str, password: str = PASSWORD, again: str | None = None) -> int:
    data = {"password": password, "again": password if again is None else again}
    return client.post(link, data).status_code


def test_the_link_sets_the_password_logs_in_and_is_used_up(client: Client) -> None:
    link = prepare_first_admin()
    admin = User.objects.get()
    assert (admin.username, admin.is_superuser, admin.has_usable_password()) == ("admin", True, False)
    page = client.get(link)
    assert page.status_code == 200
    assert page["Referrer-Policy"] == "strict-origin"
    assert client.head(link).status_code == 200
    assert post(client, link) == 302
    admin.refresh_from_db()
    assert admin.check_password(PASSWORD)
    assert client.get("/admin/").status_code == 200
    assert AuditEvent.objects.filter(action="user.first_login", actor=f"user:{admin.pk}").count() == 1
    used = client.get(link)
    assert (used.status_code, b"Log in with it at /admin/." in used.content) == (404, True)
    assert post(Client(), link, "another password") == 404
    assert prepare_first_admin() == ""


def test_only_a_hash_of_the_link_is_stored() -> None:
    token = prepare_first_admin().rpartition("/")[2]
    assert token.partition(":")[0] not in Secret.objects.get().value


def test_no_log_holds_a_link_that_still_works(client: Client) -> None:
    """Django logs the address of every answer that refuses something."""
    link, said, address = prepare_first_admin(), io.StringIO(), address_with_time()
    handler, logger = logging.StreamHandler(said), logging.getLogger("django.request")
    handler.addFilter(RedactFilter())
    logger.addHandler(handler)
    try:
        refused = client.post(link, {"password": "x", "again": "x"}, REMOTE_ADDR=address)
        answers = [client.get(link, REMOTE_ADDR=address) for _ in range(25)]
    finally:
        logger.removeHandler(handler)
    assert (refused.status_code, answers[-1].status_code) == (400, 429)
    assert answers[-1]["Referrer-Policy"] == "strict-origin"
    assert set(said.getvalue().splitlines()) == {
        "Bad Request: /first-login/[secret]",
        "Too Many Requests: /first-login/[secret]",
    }
    assert client.get(link, REMOTE_ADDR="192.0.2.9").status_code == 200


def test_what_shows_no_link_leaves_the_one_that_was_shown(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    link = prepare_first_admin()
    assert run(monkeypatch, "prepare", "--no-link").text == "The installation is ready to start.\n"
    assert client.get(link).status_code == 200
    assert "/first-login/" in run(monkeypatch, "prepare").text
    assert client.get(link).status_code == 404


@pytest.mark.faults
def test_a_start_without_the_pages_makes_no_link(tmp_path: Path) -> None:
    """Only web shows one, and on another machine somebody may be about to use it."""
    put_file(tmp_path)
    running = Running(tmp_path, "--roles", "bots", DATABASE_URL="", REDIS_URL="")
    try:
        until((tmp_path / "run" / "alive").exists, seconds=60, what=f"it works; {running.tail()}")
        assert running.stop() == 0
    finally:
        running.process.kill()
        running.process.wait(10)
    with closing(sqlite3.connect(tmp_path / "clawsite.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM core_secret WHERE name = 'FIRST_LOGIN'").fetchone() == (0,)


def test_each_start_makes_a_new_link_in_place_of_the_old(client: Client) -> None:
    first, second = prepare_first_admin(), prepare_first_admin()
    assert User.objects.count() == 1
    replaced = client.get(first)
    assert (replaced.status_code, b"Restart clawsite" in replaced.content) == (404, True)
    assert client.get(second).status_code == 200


def test_nobody_gets_a_link_once_an_admin_has_a_password(client: Client) -> None:
    link = prepare_first_admin()
    User.objects.create_superuser("alice", password=PASSWORD)
    assert prepare_first_admin() == ""
    assert client.get(link).status_code == 404


@pytest.mark.parametrize(
    ("password", "again"),
    [("short", None), ("1234567890", None), ("password1234", "other"), ("password123", None), ("", None)],
)
def test_a_bad_password_is_refused_and_the_link_still_works(client: Client, password: str, again: str | None) -> None:
    link = prepare_first_admin()
    assert post(client, link, password, again) == 400
    assert not User.objects.get().has_usable_password()
    assert post(client, link) == 302


def test_an_old_link_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    token = prepare_first_admin().rpartition("/")[2]
    check_first_login(token)
    later = time.time() + first_admin.LINK_SECONDS + 1
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    with pytest.raises(NotAllowed):
        check_first_login(token)


@pytest.mark.parametrize(
    "token",
    ["x", "a:b:c", TimestampSigner(salt="clawsite.first-login").sign("guess")],
    ids=["short", "shaped", "signed"],
)
def test_charlie_guesses_in_vain(client: Client, token: str) -> None:
    prepare_first_admin()
    assert client.get(f"/first-login/{token}").status_code == 404
    assert post(client, f"/first-login/{token}") == 404
    assert not User.objects.get().has_usable_password()


def test_charlie_does_not_learn_whether_there_is_a_password(client: Client) -> None:
    before = client.get("/first-login/a:b:c").content
    User.objects.create_superuser("alice", password=PASSWORD)
    found = client.get("/first-login/a:b:c")
    assert (found.status_code, found.content) == (404, before)


def test_guessing_is_limited(client: Client) -> None:
    prepare_first_admin()
    address = address_with_time()
    codes = [client.get("/first-login/x", REMOTE_ADDR=address).status_code for _ in range(25)]
    assert codes[0] == 404
    assert codes[-1] == 429
