"""What a person can set wrong is said, with what to write instead."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from clawsite.checks import SOUND_SQLITE, check_settings, check_sqlite

ROOT = Path(__file__).resolve().parents[2]


def found() -> list[str]:
    return [str(message.id) for message in check_settings(None)]


def test_the_defaults_are_right() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({"TELEGRAM_MODE": "push"}, ["clawsite.E003"]),
        ({"TELEGRAM_MODE": "webhook"}, ["clawsite.E004"]),
        ({"TELEGRAM_MODE": "webhook", "CLAW_PUBLIC_URL": "http://claw.example.org"}, ["clawsite.E004"]),
        ({"TELEGRAM_MODE": "webhook", "CLAW_PUBLIC_URL": "https://claw.example.org"}, []),
        ({"TELEGRAM_WEBHOOK_SECRET": "two words"}, ["clawsite.E005"]),
        ({"TELEGRAM_WEBHOOK_SECRET": "fine_-9"}, []),
        ({"CLAW_PUBLIC_URL": "claw.example.org"}, ["clawsite.E006"]),
        ({"CLAW_PUBLIC_URL": "https://me:pw@claw.example.org"}, ["clawsite.E006"]),
        ({"TELEGRAM_API_URL": "https://host:99999"}, ["clawsite.E007"]),
        ({"TELEGRAM_ADMIN_USERS": ["7", "@bob"]}, ["clawsite.E008"]),
        ({"TELEGRAM_ALLOWED_USERS": ["-7"]}, ["clawsite.E008"]),
        ({"CLAW_GIT_REMOTES": ["git.example.com", "https://git.example.com/us/"]}, ["clawsite.E011"]),
        ({"CLAW_RATES": ["login=10/m", "login"]}, ["clawsite.E012"]),
        ({"CLAW_BACKUP_RECIPIENT": "AGE-SECRET-KEY-1"}, ["clawsite.E013"]),
        ({"CLAW_BACKUP_S3": "https://host/bucket"}, ["clawsite.E014"]),
        ({"CLAW_BACKUP_S3": "s3://bucket/a?endpoint=http://127.0.0.1:9000&region=eu"}, ["clawsite.E014"]),
        ({"ALERTMANAGER_WEBHOOK_TOKEN": "short"}, ["clawsite.W004"]),
        ({"ALERTMANAGER_WEBHOOK_TOKEN": "x" * 24}, []),
        ({"CLAW_HOST": "0.0.0.0"}, ["clawsite.W001"]),
        ({"CLAW_HOST": "0.0.0.0", "CLAW_PUBLIC_URL": "https://claw.example.org"}, []),
        ({"CLAW_HOST": "127.0.0.2"}, []),
        ({"CLAW_HOST": "::1"}, []),
        ({"CLAW_HOST": "localhost"}, []),
    ],
)
def test_wrong_settings_are_found(settings: Settings, values: dict[str, Any], ids: list[str]) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
    for name, value in values.items():
        setattr(settings, name, value)
    assert found() == ids


def test_no_message_repeats_a_secret(settings: Settings) -> None:
    settings.TELEGRAM_WEBHOOK_SECRET = "my secret with spaces"
    settings.TELEGRAM_API_URL = "https://user:hunter2@host"
    text = " ".join(f"{message.msg} {message.hint}" for message in check_settings(None))
    assert "spaces" not in text
    assert "hunter2" not in text


def test_an_old_sqlite_is_named(settings: Settings) -> None:
    settings.CLAW_ON_SQLITE = True
    old = sqlite3.sqlite_version_info < SOUND_SQLITE
    assert [message.id for message in check_sqlite(None)] == (["clawsite.W002"] if old else [])
    settings.CLAW_ON_SQLITE = False
    assert check_sqlite(None) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("CLAW_LANGUAGE", "xx"), ("TIME_ZONE", "Mars/Base"), ("CLAW_LOG_LEVEL", "loud"), ("CLAW_PORT", "x")],
)
def test_what_django_cannot_start_with_is_one_sentence(name: str, value: str) -> None:
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, name: value}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("clawsite is not configured right:")
    assert name in done.stderr
    assert done.stderr.count("\n") == 1
