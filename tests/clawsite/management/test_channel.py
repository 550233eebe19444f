"""`manage.py channel`: adds what getMe accepts, shows no token, removes everything that hangs on a channel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import settings as project
from pytest_django.fixtures import Settings

from clawsite.core.models import AuditEvent
from guardrails.models import VerdictRecord
from sessions_app.models import Channel, Contact, Inbox, Message, Session
from sessions_app.sessions import add_message
from tests.clawsite.management.running import Said, run
from tests.servers.telegram import TelegramServer

pytestmark = pytest.mark.django_db(transaction=True)

WRONG = "999999999:AAEnobodyKnowsThisToken_0123456789"


@pytest.fixture
def token_file(telegram_server: TelegramServer, tmp_path: Path) -> Path:
    """A file with the emulator's token."""
    path = tmp_path / "token"
    path.write_text(telegram_server.token + "\n", encoding="utf-8")
    return path


def add(monkeypatch: pytest.MonkeyPatch, server: TelegramServer, path: Path, *more: str, name: str = "desk") -> Said:
    arguments = ("channel", "add", "telegram", name, "--token-file", str(path), "--api-url", server.url, *more)
    return run(monkeypatch, *arguments)


def test_a_token_that_works_becomes_a_channel(
    monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer, token_file: Path
) -> None:
    said = add(monkeypatch, telegram_server, token_file)
    channel = Channel.objects.get(name="desk")
    username = telegram_server.bots()[0]["username"]
    assert said.error == ""
    assert f"@{username}" in said.text
    assert telegram_server.token not in said.text
    assert (channel.kind, channel.enabled, channel.token) == ("telegram", True, telegram_server.token)
    assert channel.config == {"api_url": telegram_server.url}
    assert channel.identity["username"] == username
    assert len(channel.webhook_secret) >= 32
    event = AuditEvent.objects.get(action="channel.create")
    assert event.actor.startswith("cli:")
    assert telegram_server.token not in json.dumps(event.data)


def test_the_token_can_be_typed(monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer) -> None:
    arguments = ("channel", "add", "telegram", "desk", "--api-url", telegram_server.url)
    said = run(monkeypatch, *arguments, typed=f"{telegram_server.token}\n")
    assert (said.error, Channel.objects.get(name="desk").token) == ("", telegram_server.token)


@pytest.mark.parametrize("token", ["", "nonsense", "123:short", WRONG])
def test_a_token_that_does_not_work_becomes_nothing(
    monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer, tmp_path: Path, token: str
) -> None:
    path = tmp_path / "token"
    path.write_text(token, encoding="utf-8")
    said = add(monkeypatch, telegram_server, path)
    assert said.error
    assert not token or token not in said.error + said.text
    assert not Channel.objects.filter(kind="telegram").exists()


def test_a_server_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch, token_file: Path) -> None:
    arguments = (
        "channel",
        "add",
        "telegram",
        "desk",
        "--token-file",
        str(token_file),
        "--api-url",
        "http://127.0.0.1:9",
    )
    assert "does not work" in run(monkeypatch, *arguments).error
    said = run(monkeypatch, *arguments, "--no-test", "--off")
    assert (said.error, Channel.objects.get(name="desk").enabled) == ("", False)


@pytest.mark.parametrize(
    ("more", "name", "sentence"),
    [
        (("--api-url", "ftp://x"), "desk", "must look like"),
        (("--mode", "webhook"), "desk", "CLAW_PUBLIC_URL"),
        ((), "two words", "made of letters"),
        ((), "../up", "made of letters"),
    ],
)
def test_wrong_settings_are_refused(
    monkeypatch: pytest.MonkeyPatch,
    telegram_server: TelegramServer,
    token_file: Path,
    more: tuple[str, ...],
    name: str,
    sentence: str,
) -> None:
    assert sentence in add(monkeypatch, telegram_server, token_file, *more, name=name).error


def test_a_name_is_given_once(
    monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer, token_file: Path
) -> None:
    add(monkeypatch, telegram_server, token_file)
    assert "already" in add(monkeypatch, telegram_server, token_file).error
    assert Channel.objects.filter(kind="telegram").count() == 1


def test_the_list_is_for_people_and_for_programs(
    monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer, token_file: Path
) -> None:
    assert "no channel yet" in run(monkeypatch, "channel", "list").text
    add(monkeypatch, telegram_server, token_file)
    Channel.objects.update(last_error="\x1b[2Jcleared")
    text = run(monkeypatch, "channel", "list").text
    assert "desk" in text
    assert "\x1b" not in text
    rows = json.loads(run(monkeypatch, "channel", "list", "--json").text)
    assert [(row["name"], row["state"]) for row in rows] == [("desk", "on")]
    assert telegram_server.token not in text + json.dumps(rows)


def test_a_channel_is_tested_by_name(
    monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer, token_file: Path
) -> None:
    add(monkeypatch, telegram_server, token_file)
    assert "It works" in run(monkeypatch, "channel", "test", "desk").text
    Channel.objects.update(token="x")
    channel = Channel.objects.get()
    channel.token = WRONG
    channel.save()
    said = run(monkeypatch, "channel", "test", "desk")
    assert "does not accept the bot token" in said.error
    assert WRONG not in said.error
    assert "Channels: desk" in run(monkeypatch, "channel", "test", "other").error


def test_removing_takes_everything_after_a_yes(
    monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer, token_file: Path
) -> None:
    add(monkeypatch, telegram_server, token_file)
    channel = Channel.objects.get()
    session = Session.objects.create(channel=channel, chat_id="7")
    add_message(session.pk, role="user", text="hello")
    contact = Contact.objects.create(channel=channel, external_id="7")
    VerdictRecord.objects.create(stage="input", rule="x", action="warn", subject=contact.subject)
    Inbox.objects.create(channel=channel, external_id="1", lane="x", raw="{}")
    folder = project.MEDIA_ROOT / str(session.pk)
    folder.mkdir(parents=True)
    (folder / "1").write_bytes(b"file")
    assert run(monkeypatch, "channel", "remove", "desk", typed="no\n").error == "Nothing was removed."
    assert "Nobody answers" in run(monkeypatch, "channel", "remove", "desk").error
    assert Channel.objects.exists()
    assert "conversations (1)" in run(monkeypatch, "channel", "remove", "desk", typed="perhaps\nyes\n").text
    for model in (Channel, Session, Message, Contact, VerdictRecord, Inbox):
        assert not model._default_manager.exists(), model
    assert not folder.exists()
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"channel.create", "session.purge", "channel.remove"} <= actions


def test_what_would_come_back_is_not_removed(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    Channel.objects.create(kind="webchat", name="webchat")
    Channel.objects.create(kind="telegram", name="telegram", token=WRONG)
    settings.TELEGRAM_BOT_TOKEN = WRONG
    assert "Switch it off" in run(monkeypatch, "channel", "remove", "webchat", "--yes").error
    assert "TELEGRAM_BOT_TOKEN" in run(monkeypatch, "channel", "remove", "telegram", "--yes").error
    assert Channel.objects.filter(enabled=True).count() == 2
