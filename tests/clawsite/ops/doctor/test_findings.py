"""Each examination finds what it is there for, in rows and settings that are wrong on purpose."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import load_command_class
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from bots.agent.targets import is_configured_here
from clawsite.core.models import Lease, Process, Secret
from clawsite.core.process import find_start, host_name
from clawsite.gateway.tokens import create_token
from clawsite.management.commands.doctor import exit_code
from clawsite.models import Backup
from clawsite.ops import doctor
from clawsite.ops.crashes import CrashLog
from clawsite.ops.doctor import Finding, Level, channels, data, network, setup, versions, work
from runbooks.models import Schedule
from sessions_app.models import Channel, Inbox
from tests.clawsite.management.running import run
from tests.servers.telegram import TelegramServer

pytestmark = pytest.mark.django_db


def bad(found: object) -> list[str]:
    return [each.text for each in found if each.level is Level.BAD]  # type: ignore[attr-defined]


def warned(found: object) -> list[str]:
    return [each.text for each in found if each.level is Level.WARN]  # type: ignore[attr-defined]


def process(role: str, *, pid: int | None = None, silent: float = 0) -> Process:
    own = pid or os.getpid()
    return Process.objects.create(
        role=role,
        host=host_name(),
        pid=own,
        started=find_start(own) or 1,
        beat_at=timezone.now() - timedelta(seconds=silent),
    )


def test_a_missing_model_is_said_with_the_setting(settings: Settings) -> None:
    settings.ANTHROPIC_API_KEY = settings.ANTHROPIC_BASE_URL = ""
    (found,) = [each for each in setup.examine() if "No model" in each.text]
    assert "ANTHROPIC_API_KEY" in found.advice
    Process.objects.filter(pk=process("bots").pk).update(data={"model": is_configured_here()})
    assert any("No model" in text for text in warned(setup.examine()))


def test_a_model_of_what_runs_with_other_settings_is_told_and_not_missed(settings: Settings) -> None:
    settings.ANTHROPIC_BASE_URL, settings.ANTHROPIC_API_KEY = "http://127.0.0.1:1", "demo"
    Process.objects.filter(pk=process("bots").pk).update(data={"model": is_configured_here()})
    settings.ANTHROPIC_BASE_URL = settings.ANTHROPIC_API_KEY = ""
    found = list(setup.examine())
    assert not any("No model" in text for text in warned(found))
    assert any("bots runs with a model" in each.text for each in found)


def test_a_missing_platform_is_told_with_a_command_that_is_whole() -> None:
    (found,) = [each for each in setup.examine() if "No chat platform" in each.text]
    name, *words = found.advice.removeprefix("Run: manage.py ").split()
    parsed = load_command_class("clawsite", name).create_parser("manage.py", name).parse_args(words)
    assert parsed.kind == "telegram"


def test_wrong_settings_are_told_by_their_checks(settings: Settings) -> None:
    settings.TELEGRAM_MODE = "pull"
    assert any("TELEGRAM_MODE" in text and "clawsite.E003" in text for text in bad(setup.examine()))


def test_a_sqlite_with_the_fault_is_named(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.CLAW_ON_SQLITE = True
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    assert any("SQLite" in text for text in warned(versions.examine()))
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3))
    assert not any("SQLite" in text for text in warned(versions.examine()))


def test_redis_py_8_is_bad_where_redis_is_used(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(versions, "installed", lambda name: "8.1.0" if name == "redis" else "")
    settings.REDIS_URL = ""
    assert bad(versions.examine()) == []
    settings.REDIS_URL = "redis://localhost"
    assert any("five seconds" in text for text in bad(versions.examine()))


def test_other_packages_than_the_locked_are_named(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(versions, "installed", lambda name: "0.1" if name == "django" else "")
    assert any("django 0.1" in text for text in warned(versions.examine()))


def test_a_port_of_somebody_else_is_bad(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings.CLAW_HOST, settings.CLAW_PORT = "127.0.0.1", other.getsockname()[1]
        assert any("cannot be used" in text for text in bad(network.examine()))
        process("web")
        assert bad(network.examine()) == []
    assert any("nobody listens" in text for text in bad(network.examine()))


def test_a_proxy_that_is_not_known_of_is_told(settings: Settings) -> None:
    settings.CLAW_PUBLIC_URL = "https://localhost"
    assert any("CLAW_BEHIND_PROXY is off" in text for text in warned(network.examine()))
    settings.CLAW_BEHIND_PROXY = True
    assert not any("CLAW_BEHIND_PROXY" in text for text in warned(network.examine()))


def test_pitfalls_of_containers_and_wsl(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(network, "in_container", lambda: True)
    monkeypatch.setattr(network, "in_wsl", lambda: True)
    settings.DATABASE_URL = ""
    settings.CLAW_HOST, settings.REDIS_URL, settings.CLAW_HOME = "127.0.0.1", "redis://localhost:6379", Path("/mnt/c/x")
    found = list(network.examine_machine())
    assert any("published port" in text for text in warned(found))
    assert any("REDIS_URL" in text for text in warned(found))
    assert any("disk of Windows" in text for text in bad(found))
    settings.CLAW_HOST, settings.REDIS_URL, settings.CLAW_HOME = "0.0.0.0", "redis://redis:6379", Path("/home/x")
    assert (warned(network.examine_machine()), bad(network.examine_machine())) == ([], [])


def test_marks_of_containers_and_wsl_are_read(tmp_path: Path) -> None:
    version = tmp_path / "version"
    assert not network.in_wsl(version)
    version.write_text("Linux version 6.6.87.2-microsoft-standard-WSL2")
    assert network.in_wsl(version)
    assert not network.in_container((tmp_path / "none",))
    assert network.in_container((version,))


def test_a_clock_that_was_set_back_is_seen() -> None:
    assert bad(data.examine_clock()) == []
    process("bots", silent=-600)
    assert any("set back" in text for text in bad(data.examine_clock()))


def test_the_database_is_whole() -> None:
    assert [found.level for found in data.examine()] == [Level.FINE]


def test_what_the_dead_hold_is_set_free() -> None:
    row = process("bots", pid=2**22 + 7)
    Lease.objects.create(name="x", owner=row)
    (found,) = [each for each in work.examine() if each.fix]
    assert doctor.mend(found).level is Level.FINE
    assert not [each for each in work.examine() if each.fix]


def test_a_silent_role_is_bad_and_a_missing_one_a_warning() -> None:
    process("bots", silent=120)
    found = list(work.examine())
    assert bad(found) == ["bots is alive but silent."]
    assert any("web, worker is missing" in text for text in warned(found))


def test_a_role_that_keeps_dying_is_bad(settings: Settings, tmp_path: Path) -> None:
    settings.RUN_DIR = tmp_path
    CrashLog(tmp_path).note("worker", deaths=4, how="signal 7")
    assert bad(work.examine()) == ["worker keeps dying (4 times in a row): signal 7."]


def test_schedules_that_are_late_or_broken_are_named() -> None:
    late = timezone.now() - timedelta(hours=1)
    Schedule.objects.create(name="nightly", kind="selftest", cron="0 2 * * *", next_due=late)
    Schedule.objects.create(name="broken", kind="gone", cron="0 2 * * *", error="There is no such kind.", enabled=False)
    found = list(work.examine_schedules())
    assert any("'nightly' was due" in text for text in bad(found))
    assert any("no such kind" in text for text in warned(found))


def test_backups_are_judged_by_the_newest_that_was_checked() -> None:
    assert any("no backup" in text for text in warned(work.examine_backups()))
    old = timezone.now() - timedelta(hours=50)
    Backup.objects.create(name="one", state=Backup.State.VERIFIED, started_at=old, size=1)
    assert any("50 hours" in text for text in bad(work.examine_backups()))
    Backup.objects.create(name="two", state=Backup.State.FAILED, error="The disk is full.")
    assert any("disk is full" in text for text in bad(work.examine_backups()))
    Backup.objects.create(name="three", state=Backup.State.VERIFIED, error="The bucket cannot be reached.", size=1)
    assert bad(work.examine_backups()) == [
        "The newest backup did not succeed, or is not in every place: The bucket cannot be reached."
    ]


def test_a_place_for_backups_that_cannot_be_is_bad_before_the_first_is_due(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.CLAW_BACKUP_DIR = tmp_path / "file" / "kept"
    (found, _none) = work.examine_backups()
    assert (found.level, found.text) == (Level.BAD, "No backup can be made.")
    assert found.advice.startswith(f"{settings.CLAW_BACKUP_DIR} cannot be written: Not a directory. Let the user")


def test_a_machine_without_a_sandbox(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(work, "has_sandbox", lambda: False)
    assert any("no sandbox" in text for text in warned(work.examine_sandbox()))
    settings.CLAW_UNSANDBOXED = True
    assert any("without a sandbox" in text for text in bad(work.examine_sandbox()))


def test_secrets_that_no_key_opens_are_found() -> None:
    Secret.objects.create(name="A", value="x")
    assert bad(channels.examine_tokens()) == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_secret SET value = 'gAAAAAnonsense'")
    assert any("secret (value)" in text for text in bad(channels.examine_tokens()))


def test_tokens_that_end_soon_are_named() -> None:
    create_token("ci", scopes=["read"], actor="user:1", expires_at=timezone.now() + timedelta(days=2))
    assert any("ci" in text and "ends on" in text for text in warned(channels.examine_tokens()))


@pytest.mark.django_db(transaction=True)
def test_telegram_is_asked_who_the_bot_is_and_where_it_posts(
    telegram_server: TelegramServer, settings: Settings
) -> None:
    settings.CLAW_PUBLIC_URL = "https://claw.example.org"
    Channel.objects.create(
        kind="telegram",
        name="bot",
        token=telegram_server.token,
        config={"api_url": telegram_server.url, "mode": "webhook"},
    )
    assert any("posts to nowhere" in text for text in bad(channels.examine()))


def test_an_answer_of_getwebhookinfo_is_judged(settings: Settings) -> None:
    settings.CLAW_PUBLIC_URL = "https://claw.example.org"
    row = Channel(pk=3, kind="telegram", name="bot", config={"mode": "webhook"})
    url = "https://claw.example.org/webhook/telegram/3"
    assert list(channels.judge_webhook(row, {"url": url, "pending_update_count": 5})) == []
    failed = {"url": url, "last_error_date": timezone.now().timestamp(), "last_error_message": "Wrong certificate"}
    assert any("Wrong certificate" in text for text in bad(channels.judge_webhook(row, failed)))
    assert warned(channels.judge_webhook(row, {"url": url, "pending_update_count": 500}))
    row.config = {"mode": "polling"}
    assert any("polling gets nothing" in text for text in bad(channels.judge_webhook(row, {"url": "https://x.y"})))
    settings.TELEGRAM_MODE, row.config = "webhook", {}
    assert list(channels.judge_webhook(row, {"url": url})) == [], "an account without a mode does as the setting says"


def test_a_post_of_telegram_that_failed_is_told_until_one_has_come(settings: Settings) -> None:
    settings.CLAW_PUBLIC_URL = "https://claw.example.org"
    row = Channel.objects.create(kind="telegram", name="bot", config={"mode": "webhook"})
    ago = timezone.now() - timedelta(minutes=10)
    info = {
        "url": f"https://claw.example.org/webhook/telegram/{row.pk}",
        "last_error_date": ago.timestamp(),
        "last_error_message": "Wrong response from the webhook: 502 Bad Gateway",
    }
    Inbox.objects.create(channel=row, external_id="1", lane="x", raw="{}", received_at=ago - timedelta(minutes=1))
    assert any("502 Bad Gateway" in text for text in bad(channels.judge_webhook(row, info)))
    Inbox.objects.create(channel=row, external_id="2", lane="x", raw="{}", received_at=ago + timedelta(minutes=1))
    assert list(channels.judge_webhook(row, info)) == []


@pytest.mark.parametrize(
    ("server", "told"),
    [(15, ""), (14, ""), (17, "pg_dump 15.6 makes no backup of PostgreSQL 17."), (0, "pg_dump is not installed")],
)
def test_a_postgresql_that_pg_dump_does_not_read_is_told(
    server: int, told: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.CLAW_ON_SQLITE = False
    monkeypatch.setattr(versions, "_server_version", lambda: server)
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.6 (Debian 15.6-0+deb12u1)'\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path) if server else "/nowhere")
    found = [each.text for each in versions._postgres()]
    assert bool(found) is bool(told)
    assert all(told in text for text in found)


def test_one_that_fails_itself_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> object:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(doctor, "EXAMINATIONS", {"broken": fail, "schedules": work.examine_schedules})
    found = doctor.examine()
    assert [each.area for each in found] == ["broken", "schedules"]
    assert "secret detail" not in found[0].text


def test_the_command_tells_people_and_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    process("bots", pid=2**22 + 7)
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, "doctor", "--offline")
    assert end.value.code in (1, 3)
    monkeypatch.setattr(doctor, "EXAMINATIONS", {"schedules": work.examine_schedules})
    assert "Problems: 0," in run(monkeypatch, "doctor").text
    (told,) = json.loads(run(monkeypatch, "doctor", "--json", "--fix").text)
    assert told == {
        "area": "schedules",
        "level": "fine",
        "text": "Switched on: 0; none is late.",
        "advice": "",
        "fixable": False,
    }


@pytest.mark.parametrize(
    ("levels", "code"), [([], 0), (["note", "fine"], 0), (["warn", "note"], 3), (["warn", "bad"], 1)]
)
def test_the_worst_is_the_exit_code(levels: list[str], code: int) -> None:
    assert exit_code([Finding(area="x", level=Level(level), text="x") for level in levels]) == code


def test_a_database_that_is_not_set_up_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE clawsite_gatewaytoken RENAME TO elsewhere")
    tokens = doctor.EXAMINATIONS["tokens"]

    def look() -> Iterator[Finding]:
        with transaction.atomic():
            yield from tokens()

    monkeypatch.setattr(doctor, "EXAMINATIONS", {"tokens": look, "again": look})
    (found,) = doctor.examine()
    assert (found.area, found.level) == ("database", Level.BAD)
    assert "not set up yet" in found.text
