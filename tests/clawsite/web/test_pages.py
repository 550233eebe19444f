"""The pages around the chat: start, log in, errors; what they show to whom, and what the browser may do there."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client, override_settings
from django.utils import timezone

from clawsite.core.models import User
from clawsite.web.board import figures
from clawsite.web.board.today import TODAY
from sessions_app.models import Channel, Contact, Inbox, Session, Turn
from tests.minutes import address_with_time

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(figures, "_kept", (0.0, {}))
    TODAY.forget()


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password=PASSWORD, is_staff=True, is_superuser=True)


def test_everybody_is_shown_the_way_to_the_chat(client: Client) -> None:
    text = client.get("/").content.decode()
    assert 'href="/chat/"' in text
    assert "dead letters" not in text


def test_figures_are_for_staff_only(client: Client) -> None:
    charlie = User.objects.create_user("charlie", password=PASSWORD)
    client.force_login(charlie)
    assert "dead letters" not in client.get("/").content.decode()


def test_the_dashboard_counts(client: Client, alice: User) -> None:
    channel = Channel.objects.create(kind="webchat", name="web <chat>", last_error="it <broke>")
    session = Session.objects.create(channel=channel, chat_id="1")
    for number, state in enumerate(["done", "new", "dead"]):
        row = Inbox.objects.create(channel=channel, external_id=str(number), lane="x", raw="{}", state=state)
    Turn.objects.create(
        inbox=row, session=session, epoch=1, outcome="answer", cost_usd=Decimal("1.25"), finished_at=timezone.now()
    )
    pending = Contact.objects.create(channel=channel, external_id="9")
    pending.pairings.create(code="ABCDEFGH", expires_at=timezone.now() + timedelta(hours=1))
    client.force_login(alice)
    text = client.get("/").content.decode()
    for figure, label in [
        ("3", "messages today"),
        ("1", "answers today"),
        ("1", "waiting in queues"),
        ("1", "dead letters"),
        ("1", "people waiting for approval"),
        ("$1.25", "spent on models today"),
    ]:
        assert f"<b>{figure}</b><span>{label}</span>" in text
    assert "web &lt;chat&gt;" in text
    assert "it &lt;broke&gt;" in text


def test_many_open_dashboards_cost_one_look(client: Client, alice: User, django_assert_max_num_queries: object) -> None:
    client.force_login(alice)
    client.get("/")
    with django_assert_max_num_queries(2):  # type: ignore[operator]
        client.get("/")


@pytest.mark.parametrize("path", ["/", "/chat/", "/nowhere"])
def test_pages_may_run_nothing_but_our_files(client: Client, alice: User, path: str) -> None:
    for logged_in in (False, True):
        if logged_in:
            client.force_login(alice)
        response = client.get(path)
        policy = response["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert response["X-Frame-Options"] == "DENY"
        text = response.content.decode()
        assert not re.search(r"<script(?![^>]*(src=|application/json))|<style|\sstyle=|\son\w+=|javascript:", text)
        assert not re.search(r"(src|href)=\"(https?:)?//", text)


def test_the_page_holds_no_token(client: Client, alice: User) -> None:
    with override_settings(CLAW_GATEWAY_TOKEN="claw-secret-token", ANTHROPIC_API_KEY="sk-ant-secret"):
        client.force_login(alice)
        text = client.get("/chat/").content.decode() + client.get("/").content.decode()
    assert "secret-token" not in text
    assert "sk-ant" not in text
    assert client.cookies["sessionid"].value not in text
    stranger = Client()
    stranger.get("/chat/")
    assert stranger.cookies["sessionid"]["httponly"]
    assert stranger.cookies["sessionid"]["samesite"] == "Lax"


def test_login_is_tried_five_times_a_minute(client: Client, alice: User) -> None:
    def attempt(password: str, address: str) -> int:
        form = {"username": "alice", "password": password}
        return client.post("/admin/login/?next=/", form, REMOTE_ADDR=address).status_code

    address = address_with_time()
    answers = [attempt("wrong", address) for _ in range(7)] + [attempt(PASSWORD, address)]
    assert answers == [200] * 5 + [429] * 3
    assert attempt(PASSWORD, "192.0.2.8") == 302


def test_a_cache_that_is_gone_shuts_the_door(client: Client, alice: User) -> None:
    broken = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}}
    with override_settings(CACHES=broken):
        assert client.post("/admin/login/", {"username": "alice", "password": PASSWORD}).status_code == 429


def test_the_proxys_address_counts_when_there_is_one(client: Client, alice: User) -> None:
    def attempt(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return client.post("/admin/login/", {"username": "alice", "password": "no"}, headers=headers).status_code

    proxied = address_with_time()
    with override_settings(CLAW_BEHIND_PROXY=True):
        made_up = [attempt(f"203.0.113.{number}, {proxied}") for number in range(6)]
        assert made_up == [200] * 5 + [429]
        assert attempt("192.0.2.2") == 200
    assert attempt(proxied) == 200


def test_new_browsers_of_one_address_are_limited(client: Client) -> None:
    address = address_with_time()
    codes = [Client(REMOTE_ADDR=address).get("/chat/").status_code for _ in range(62)]
    assert codes[0] == 200
    assert codes[-1] == 429
    known = Client(REMOTE_ADDR=address)
    cache.clear()
    known.get("/chat/")
    assert {known.get("/chat/").status_code for _ in range(40)} == {200}


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Open the chat"), ("pt-br", "Abrir o chat"), ("ru", "Открыть чат")]
)
def test_pages_speak_three_languages(client: Client, language: str, words: str) -> None:
    assert words in client.get("/", headers={"Accept-Language": language}).content.decode()
    page = client.get("/", headers={"Accept-Language": language}).content.decode()
    assert all(f">{name}</option>" in page for name in ("English", "Português Brasileiro", "Русский"))
    client.post("/language/setlang/", {"language": language, "next": "/"})
    assert client.cookies[settings.LANGUAGE_COOKIE_NAME].value == language
    assert words in client.get("/").content.decode()


def test_error_pages(client: Client) -> None:
    response = client.get("/nowhere/<script>")
    assert response.status_code == 404
    assert "There is no page at this address." in response.content.decode()
    assert "<script>" not in response.content.decode()


def test_an_error_of_ours_tells_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("secret detail")

    alice = User.objects.create_user("alice", password=PASSWORD, is_staff=True)
    client.force_login(alice)
    monkeypatch.setattr(figures, "figures", broken)
    client.raise_request_exception = False
    response = client.get("/")
    assert response.status_code == 500
    assert "secret detail" not in response.content.decode()
    assert "Our fault" in response.content.decode()
