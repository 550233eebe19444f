"""`manage.py onboard`: from nothing to a bot that can answer; again without harm; secrets said nowhere."""

from __future__ import annotations

import errno
import getpass
import logging
import os
import stat
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.management import CommandError
from django.test import Client
from pytest_django.fixtures import Settings

from clawsite.core.models import AuditEvent, Secret, User
from clawsite.management.onboarding.service import unit
from sessions_app.models import Channel, Contact
from tests.clawsite.management.running import Said, run
from tests.servers.messages import MessagesServer
from tests.servers.telegram import TelegramServer

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "sk-ant-onboarding-key-0123456789"
LOCAL = "claude-haiku-4-5"
PASSWORD = "correct horse battery"
WRONG_TOKEN = "999999999:AAEnobodyKnowsThisToken_0123456789"


@pytest.fixture
def model(messages_server: MessagesServer, settings: Settings) -> MessagesServer:
    """The emulator in the provider's place, which takes one key."""
    settings.ANTHROPIC_BASE_URL = messages_server.url
    messages_server.set_keys([KEY])
    return messages_server


@pytest.fixture(autouse=True)
def units(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where units go; limits of other tests do not count here."""
    cache.clear()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "systemd" / "user"


def secret(tmp_path: Path, name: str, value: str) -> str:
    path = tmp_path / name
    path.write_text(value + "\n", encoding="utf-8")
    return str(path)


def given(tmp_path: Path, telegram: TelegramServer) -> list[str]:
    """Return options that answer every question."""
    return [
        "--yes", "--install-service", "--telegram-api-url", telegram.url, "--telegram-admin", "4711",
        "--telegram-token-file", secret(tmp_path, "token", telegram.token),
        "--model-key-file", secret(tmp_path, "key", KEY),
        "--admin-name", "alice", "--admin-password-file", secret(tmp_path, "password", PASSWORD),
        "--language", "pt_BR", "--time-zone", "America/Sao_Paulo",
    ]  # fmt: skip


def test_options_alone_set_everything_up(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    telegram_server: TelegramServer,
    model: MessagesServer,
    units: Path,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.CLAW_HOME = tmp_path
    with caplog.at_level(logging.DEBUG):
        said = run(monkeypatch, "onboard", *given(tmp_path, telegram_server))
    assert said.error == ""
    channel = Channel.objects.get(kind="telegram")
    contact = Contact.objects.get(channel=channel, external_id="4711")
    assert (channel.token, contact.state, contact.role) == (telegram_server.token, "approved", "admin")
    assert Secret.objects.get(name="ANTHROPIC_API_KEY").value == KEY
    assert User.objects.get(username="alice").check_password(PASSWORD)
    assert User.objects.get().is_superuser
    unit = (units / "clawsite.service").read_text(encoding="utf-8")
    assert "manage.py" in unit
    assert f"CLAW_HOME={tmp_path}" in unit
    assert unit in said.text
    kept = tmp_path / "clawsite.env"
    assert kept.read_text(encoding="utf-8") == "CLAW_LANGUAGE=pt-br\nTIME_ZONE=America/Sao_Paulo\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    for hidden in (telegram_server.token, KEY, PASSWORD):
        assert hidden not in said.text
        assert hidden not in caplog.text
        assert hidden not in unit + kept.read_text(encoding="utf-8")
        assert not any(hidden in str(event.data) for event in AuditEvent.objects.all())


def test_a_second_run_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    telegram_server: TelegramServer,
    model: MessagesServer,
    settings: Settings,
) -> None:
    settings.CLAW_HOME = tmp_path
    options = given(tmp_path, telegram_server)
    run(monkeypatch, "onboard", *options)
    events = AuditEvent.objects.exclude(action="user.password").count()
    said = run(monkeypatch, "onboard", *options)
    assert said.error == ""
    for sentence in (
        "has this token already",
        "is an admin already",
        "stored already",
        "there already, as it should be",
    ):
        assert sentence in said.text
    assert AuditEvent.objects.exclude(action="user.password").count() == events
    assert Channel.objects.filter(kind="telegram").count() == User.objects.count() == 1
    plain = run(monkeypatch, "onboard", "--yes")
    assert plain.error == ""
    assert "It works" in plain.text
    assert "alice can log in already" in plain.text


def wizard(monkeypatch: pytest.MonkeyPatch, telegram: TelegramServer, *answers: str) -> Said:
    typed = "".join(f"{answer}\n" for answer in answers)
    return run(monkeypatch, "onboard", "--telegram-api-url", telegram.url, typed=typed)


def test_the_wizard_asks_again_until_it_works(
    monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer, model: MessagesServer
) -> None:
    said = wizard(
        monkeypatch, telegram_server,
        "nonsense", WRONG_TOKEN, telegram_server.token, "",  # the token, then no id
        "sk-wrong", KEY,  # the server wants a key after all
        "alice", "short", "short", PASSWORD, "something else", PASSWORD, PASSWORD,
        "ru", "Europe/Moscow",
    )  # fmt: skip
    assert said.error == ""
    assert "no bot token" in said.text
    assert "does not accept the bot token" in said.text
    assert "manage.py pair approve CODE --role admin" in said.text
    assert "too short" in said.text
    assert "not the same" in said.text
    assert "CLAW_LANGUAGE=ru" in said.text
    assert "TIME_ZONE=Europe/Moscow" in said.text
    assert WRONG_TOKEN not in said.text
    assert Channel.objects.filter(kind="telegram").exists()
    assert Secret.objects.get(name="ANTHROPIC_API_KEY").value == KEY
    assert User.objects.get(username="alice").check_password(PASSWORD)


def test_three_wrong_tokens_end_the_wizard(monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer) -> None:
    said = wizard(monkeypatch, telegram_server, WRONG_TOKEN, WRONG_TOKEN, WRONG_TOKEN)
    assert "third try" in said.error
    assert not Channel.objects.filter(kind="telegram").exists()


def test_everything_can_be_skipped(monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer) -> None:
    said = wizard(monkeypatch, telegram_server, "", "", "", "", "", "", "")
    assert said.error == ""
    assert said.text.count("Skipped.") == 2
    link = next(line for line in said.text.splitlines() if "/first-login/" in line)
    assert Client().get("/first-login/" + link.rpartition("/")[2]).status_code == 200


def test_a_link_is_for_the_name_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "The first admin is called boss" in run(monkeypatch, "onboard", "--yes", "--admin-name", "boss").text
    assert "The first admin is called boss" in run(monkeypatch, "onboard", "--yes").text
    assert not User.objects.get(username="boss").has_usable_password()


def test_an_input_that_ends_is_a_sentence(monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer) -> None:
    assert "cannot be asked for here" in wizard(monkeypatch, telegram_server).error
    assert "Nobody answers" in wizard(monkeypatch, telegram_server, "").error


def test_a_server_of_ones_own_is_tried_and_named(
    monkeypatch: pytest.MonkeyPatch, messages_server: MessagesServer
) -> None:
    said = run(monkeypatch, "onboard", "--yes", "--model-url", f"{messages_server.url}/v1", "--model", LOCAL)
    assert said.error == ""
    assert f"ANTHROPIC_BASE_URL={messages_server.url}" in said.text
    assert f"CLAW_MODELS={LOCAL}" in said.text
    assert messages_server.requests()[-1]["body"]["model"] == LOCAL


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--model-url", "http://127.0.0.1:9"), "does not answer"),
        (("--model-url", "nonsense"), "must look like"),
        (("--language", "xx"), "languages are"),
        (("--time-zone", "Mars/Base"), "no time zone"),
        (("--telegram-token-file", "/nonexistent"), "cannot be read"),
        (("--admin-password-file", "/nonexistent"), "cannot be read"),
        (("--admin-name", "bad name!"), "valid username"),
        (("--telegram-admin", "4711"), "give --telegram-token-file"),
    ],
)
def test_wrong_options_are_sentences(monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], sentence: str) -> None:
    assert sentence in run(monkeypatch, "onboard", "--yes", *options).error


def test_what_the_environment_gives_is_checked_there(
    monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer, model: MessagesServer, settings: Settings
) -> None:
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_API_URL = telegram_server.token, telegram_server.url
    settings.ANTHROPIC_API_KEY = KEY
    said = run(monkeypatch, "onboard", "--yes")
    assert said.error == ""
    assert said.text.count("comes from the environment") == 2
    assert not Secret.objects.filter(name="ANTHROPIC_API_KEY").exists()
    settings.TELEGRAM_BOT_TOKEN = WRONG_TOKEN
    failed = run(monkeypatch, "onboard", "--yes")
    assert "TELEGRAM_BOT_TOKEN of the environment" in failed.error
    assert WRONG_TOKEN not in failed.error


def test_a_unit_is_shown_and_only_written_after_a_yes(
    monkeypatch: pytest.MonkeyPatch, telegram_server: TelegramServer, units: Path
) -> None:
    typed = "\n" * 7 + "n\n"
    said = run(monkeypatch, "onboard", "--install-service", "user", typed=typed)
    assert said.error == ""
    assert "[Service]" in said.text
    assert "Nothing was written" in said.text
    assert not (units / "clawsite.service").exists()


def test_a_system_unit_runs_as_the_owner_and_says_odd_paths_rightly(tmp_path: Path, settings: Settings) -> None:
    home = tmp_path / "a home 100% ours"
    home.mkdir()
    settings.CLAW_HOME = home
    text = unit("system")
    assert f"User={getpass.getuser()}\n" in text
    assert "WantedBy=multi-user.target" in text
    assert f'Environment="CLAW_HOME={tmp_path}/a home 100%% ours"\n' in text
    settings.CLAW_HOME = Path(str(home) + "\nExecStartPre=evil")
    settings.CLAW_HOME.mkdir()
    with pytest.raises(CommandError, match="plainer place"):
        unit("system")


def test_a_system_unit_may_write_to_what_lies_outside_of_the_home(tmp_path: Path, settings: Settings) -> None:
    settings.CLAW_HOME, settings.CLAW_BACKUP_DIR = tmp_path, tmp_path / "backups"
    settings.CLAW_WAL_DIR = ""
    assert f'ReadWritePaths="{tmp_path}"\n' in unit("system")
    settings.CLAW_BACKUP_DIR, settings.CLAW_WAL_DIR = Path("/mnt/back ups"), "/srv/wal"
    assert f'ReadWritePaths="{tmp_path}" "-/mnt/back ups" "-/srv/wal"\n' in unit("system")


def test_settings_that_are_there_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.CLAW_HOME = tmp_path
    path = tmp_path / "clawsite.env"
    path.write_text("# mine\nCLAW_PORT=9999\nTIME_ZONE=UTC\n", encoding="utf-8")
    run(monkeypatch, "onboard", "--yes", "--install-service", "--time-zone", "Europe/Berlin")
    assert path.read_text(encoding="utf-8") == "# mine\nCLAW_PORT=9999\nTIME_ZONE=Europe/Berlin\n"


def test_settings_that_are_there_survive_a_disk_that_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.CLAW_HOME = tmp_path
    path = tmp_path / "clawsite.env"
    path.write_text("ANTHROPIC_API_KEY=mine\n", encoding="utf-8")
    path.chmod(0o640)
    options = ("onboard", "--yes", "--install-service", "--time-zone", "Europe/Berlin")

    def is_full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", is_full)
        with pytest.raises(OSError, match="No space"):
            run(monkeypatch, *options)
    assert path.read_text(encoding="utf-8") == "ANTHROPIC_API_KEY=mine\n"

    assert run(monkeypatch, *options).error == ""
    assert path.read_text(encoding="utf-8") == "ANTHROPIC_API_KEY=mine\nTIME_ZONE=Europe/Berlin\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_settings_that_belong_to_another_account_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.CLAW_HOME = tmp_path
    path = tmp_path / "clawsite.env"
    path.write_text("ANTHROPIC_API_KEY=mine\n", encoding="utf-8")

    def may_not(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", may_not)
    said = run(monkeypatch, "onboard", "--yes", "--install-service", "--time-zone", "Europe/Berlin")
    assert "belongs to another account" in said.error
    assert path.read_text(encoding="utf-8") == "ANTHROPIC_API_KEY=mine\n"
    assert [found.name for found in tmp_path.glob("*.draft")] + [
        found.name for found in tmp_path.glob(".*.draft")
    ] == []
