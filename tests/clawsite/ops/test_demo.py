"""The demo: one command, no account, and a conversation that works."""

from __future__ import annotations

import gc
import json
import re
from pathlib import Path

import psutil
import pytest

from clawsite.ops.demo import HOME, PORT, demo_servers, emulator_commands, set_demo_environment
from clawsite.ops.example import prepare_example
from clawsite.ops.lean import skip_collecting, skip_unused_drivers
from runbooks.models import MonitoredSystem, Runbook
from tests.clawsite.running import until, up
from tests.faults.store import Store

REAL = {"TELEGRAM_BOT_TOKEN": "1:real", "ANTHROPIC_API_KEY": "real", "CLAW_HOME": "/srv/claw"}


def test_only_the_demo_changes_the_environment() -> None:
    environment = dict(REAL)
    for argv in (["manage.py"], ["manage.py", "up"], ["manage.py", "web", "--demo"]):
        set_demo_environment(argv, environment)
    assert environment == REAL


def test_the_demo_never_uses_a_real_account_and_has_its_own_home() -> None:
    environment = dict(REAL)
    set_demo_environment(["manage.py", "up", "--demo"], environment)
    assert environment["CLAW_HOME"] == "/srv/claw"
    assert "real" not in environment["TELEGRAM_BOT_TOKEN"] + environment["ANTHROPIC_API_KEY"]
    for name in ("TELEGRAM_API_URL", "ANTHROPIC_BASE_URL"):
        assert environment[name].startswith("http://127.0.0.1:")
    environment = {}
    set_demo_environment(["manage.py", "up", "--demo"], environment)
    assert environment["CLAW_HOME"] == HOME


def test_what_is_not_used_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    modules: dict[str, object] = {}
    monkeypatch.setattr("clawsite.ops.lean.sys.modules", modules)
    skip_unused_drivers(["manage.py", "migrate"], {})
    assert modules == {}
    skip_unused_drivers(["manage.py", "up"], {"DATABASE_URL": "postgres://x"})
    skip_unused_drivers(["manage.py", "up"], {"DATABASE_URL_FILE": "/run/secrets/url"})
    assert modules == {"click": None, "pygments": None, "rich": None}
    skip_unused_drivers(["manage.py", "up"], {})
    assert modules == {"click": None, "psycopg": None, "pygments": None, "rich": None}


def test_only_the_supervisor_loads_without_looking_for_garbage() -> None:
    try:
        skip_collecting(["manage.py", "migrate"])
        assert gc.isenabled()
        skip_collecting(["manage.py", "up"])
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.faults
def test_the_demo_runs_with_its_emulators(tmp_path: Path) -> None:
    with up(tmp_path / "home", "--demo") as running:
        text = running.log.read_text()
        assert re.search(rf"Web chat +http://127\.0\.0\.1:{running.port}/chat/", text)
        assert re.search(r"First login +http://127\.0\.0\.1:\d+/first-login/\S+", text)
        assert re.search(r"Telegram +http://127\.0\.0\.1:\d+/", text)
        guardian = re.search(r"Guardian +(http://127\.0\.0\.1:\d+)/", text)
        assert guardian
        store = Store(running.home)
        until(lambda: find_username(store), seconds=30, what="the bot knows who it is on the emulator")
        read = until(lambda: read_health(store), seconds=30, what="the example system was read")
        assert read["status"] == "healthy"
        supervisor = psutil.Process(running.process.pid)
        assert supervisor.cpu_percent(interval=1.0) < 25  # it waits, it does not spin
        assert running.stop() == 0


def test_the_example_is_watched_only_where_the_programs_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    environment: dict[str, str] = {}
    assert demo_servers(environment) == {}
    set_demo_environment(["manage.py", "up", "--demo"], environment)
    assert list(demo_servers(environment)) == ["telegram", "messages", "guardian"]
    for name in ("prometheus", "prometheus-alertmanager"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert list(demo_servers(environment)) == ["telegram", "messages", "guardian", "prometheus", "alertmanager"]
    command = emulator_commands(environment)["alertmanager"]
    assert f"http://127.0.0.1:{PORT}/webhook/alertmanager" in command
    assert f"--token={environment['ALERTMANAGER_WEBHOOK_TOKEN']}" in command


@pytest.mark.django_db
def test_the_example_keeps_what_people_changed_and_follows_its_ports() -> None:
    prepare_example({})
    assert not MonitoredSystem.objects.exists()
    prepare_example({"guardian": "127.0.0.1:1", "prometheus": "127.0.0.1:2", "alertmanager": "127.0.0.1:3"})
    row = MonitoredSystem.objects.get()
    row.full_clean()
    for query in row.queries.all():
        query.full_clean()
    MonitoredSystem.objects.update(title="Mine")
    row.queries.update(title="Ours")
    assert Runbook.objects.filter(name="restart-api").exists()
    Runbook.objects.update(title="Changed")
    prepare_example({"guardian": "127.0.0.1:4"})
    row.refresh_from_db()
    assert (row.title, row.health_url, row.prometheus_url) == ("Mine", "http://127.0.0.1:4/health", "")
    assert set(row.queries.values_list("title", flat=True)) == {"Ours"}
    assert set(Runbook.objects.values_list("title", flat=True)) == {"Changed"}


def find_username(store: Store) -> str:
    """Return what the emulator told the bot about itself, "" so far."""
    told = store.value("SELECT identity FROM sessions_app_channel WHERE name = 'telegram'")
    return str(json.loads(told).get("username", "")) if told else ""


def read_health(store: Store) -> dict[str, str]:
    """Return what the example system said last of its health, {} so far."""
    read = store.value("SELECT data FROM runbooks_systemreading WHERE source = 'health' AND read_at IS NOT NULL")
    return dict(json.loads(read)) if read else {}
