"""A bundle holds what helps and none of the secrets that were planted everywhere, however they are spelled."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from pytest_django import Settings

from clawsite.core import audit, env
from clawsite.core.models import Process, Secret
from clawsite.gateway.tokens import create_token
from clawsite.ops.bundle.cleaning import Cleaner
from clawsite.ops.bundle.parts import PARTS
from runbooks.models import GatewayTarget, IncidentHook, Job, MonitoredSystem, Schedule
from runbooks.sources.credentials import change
from sessions_app.models import Channel, Fact, Message, Session
from tests.clawsite.management.running import run

pytestmark = pytest.mark.django_db

# None of them has the looks of a secret, so that only their value can betray them.
ENVIRONMENT = "plain-words-of-the-environment"
PASSWORD = "p@ss word/of:the database"
CHANNEL = "quiet-river-under-the-bridge"
HOOK = 'green tea & "biscuits" at five'
STORED = "ünïcode-sécret-of-a-row"
CREDENTIAL = "seven-swans-a-swimming-by"
TARGET = "paper-boat-on-the-lake"
SAID = "I told the bot where my keys are"
SECRETS = (ENVIRONMENT, PASSWORD, CHANNEL, HOOK, STORED, CREDENTIAL, TARGET)


def spellings(secret: str) -> Iterator[str]:
    """Yield what a dump may make of a secret."""
    yield from (secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1])
    yield quote(secret, safe="").replace("%2F", "%2f").replace("%3A", "%3a")
    for before in ("", "x", "user:"):
        yield base64.b64encode(f"{before}{secret}".encode()).decode()


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> str:
    """Plant secrets in settings, rows, errors and the log; return what a row of errors holds."""
    settings.CLAW_LOG_FILE = tmp_path / "clawsite.log"
    settings.CLAW_HOME = tmp_path
    file = tmp_path / "secret"
    file.write_text(ENVIRONMENT + "\n")
    monkeypatch.setenv("ANTHROPIC_API_KEY_FILE", str(file))
    monkeypatch.setattr(env, "_files", dict(env.secret_files()))
    env.env_secret("ANTHROPIC_API_KEY")
    settings.DATABASE_URL = f"postgres://claw:{quote(PASSWORD, safe='')}@db/claw"
    monkeypatch.setattr("clawsite.ops.bundle.cleaning.secret_values", lambda: [ENVIRONMENT])
    channel = Channel.objects.create(kind="telegram", name="bot", token=CHANNEL)
    IncidentHook.objects.create(name="tickets", url="https://tickets.example.org", secret=HOOK)
    Secret.objects.create(name="X", value=STORED)
    MonitoredSystem.objects.create(name="shop", credentials=change("", {"prometheus": CREDENTIAL}))
    GatewayTarget.objects.create(name="other", ws_url="wss://other.example.org", token=TARGET)
    text = " | ".join(word for secret in SECRETS for word in spellings(secret))
    Channel.objects.filter(pk=channel.pk).update(last_error=text[:200])
    Process.objects.create(role="bots", host="here", pid=1, started=1, data={"note": text})
    Job.objects.create(key="j" * 32, kind="selftest", owner="user:1", error=text[:500], params={"token": STORED})
    Schedule.objects.create(name=STORED, kind="selftest", cron="0 2 * * *", error=text[:500], params={"x": STORED})
    audit.record("secret.change", actor="user:1", subject=CHANNEL, text=text)
    session = Session.objects.create(channel=channel, chat_id="7", title=SAID)
    Message.objects.create(session=session, seq=1, role="user", text=SAID)
    Fact.objects.create(session=session, text=SAID)
    settings.CLAW_LOG_FILE.write_text(f"INFO {text}\nINFO the last line\n")
    return text


def read(path: Path) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as bundle:
        opened = {member.name.rpartition("/")[2]: bundle.extractfile(member) for member in bundle.getmembers()}
        return {name: file.read().decode() for name, file in opened.items() if file is not None}


def test_no_planted_secret_is_in_it(monkeypatch: pytest.MonkeyPatch, everywhere: str, tmp_path: Path) -> None:
    _, token = create_token("ci", scopes=["read"], actor="user:1")
    said = run(monkeypatch, "supportbundle", "--to", str(tmp_path / "bundle.tar.gz"))
    assert said.error == ""
    assert (tmp_path / "bundle.tar.gz").stat().st_mode & 0o777 == 0o600
    found = read(tmp_path / "bundle.tar.gz")
    assert set(found) == set(PARTS)
    whole = "\n".join(found.values())
    hidden = [*(word for secret in SECRETS for word in spellings(secret)), token, SAID]
    assert [word for word in hidden if word in whole] == []


def test_it_holds_what_helps(monkeypatch: pytest.MonkeyPatch, everywhere: str, tmp_path: Path) -> None:
    run(monkeypatch, "supportbundle", "--to", str(tmp_path / "bundle.tar.gz"))
    found = read(tmp_path / "bundle.tar.gz")
    assert "the last line" in found["log.txt"]
    assert json.loads(found["about.json"])["packages"]["Django"]
    assert json.loads(found["database.json"])["rows"]["runbooks.Job"] == 1
    assert json.loads(found["jobs.json"])["jobs"][0]["state"] == "created"
    assert json.loads(found["settings.json"])["CLAW_PORT"]
    assert any(each["area"] == "schedules" for each in json.loads(found["findings.json"]))
    assert "could not be read" not in "".join(found.values())


def test_a_part_that_fails_says_so_and_hides_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> None:
    def fail() -> object:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("clawsite.ops.bundle.writing.PARTS", {"a.json": fail, "b.json": lambda: {"fine": True}})
    run(monkeypatch, "supportbundle", "--to", str(tmp_path / "bundle.tar.gz"))
    found = read(tmp_path / "bundle.tar.gz")
    assert "could not be read" in found["a.json"]
    assert "secret detail" not in found["a.json"]
    assert json.loads(found["b.json"]) == {"fine": True}


def test_a_file_that_is_there_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    path.write_text("mine")
    assert "cannot be written" in run(monkeypatch, "supportbundle", "--to", str(path)).error
    assert path.read_text() == "mine"


def test_one_that_was_stopped_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("clawsite.ops.bundle.writing.PARTS", {"a.json": dict, "b.json": stop})
    assert "Stopped" in run(monkeypatch, "supportbundle", "--to", str(tmp_path / "bundle.tar.gz")).error
    assert not list(tmp_path.iterdir())


def test_a_folder_gets_a_file_named_by_the_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("clawsite.ops.bundle.writing.PARTS", {"a.json": dict})
    assert run(monkeypatch, "supportbundle", "--to", str(tmp_path)).error == ""
    (path,) = tmp_path.glob("clawsite-support-*.tar.gz")
    assert read(path) == {"a.json": "{}"}


@pytest.mark.parametrize("text", ["sk-ant-api03-0123456789abcdef", "Authorization: Bearer abcdef", "password=hunter2x"])
def test_what_looks_like_a_secret_goes_too(text: str) -> None:
    assert "[secret]" in Cleaner().clean(f"before {text} after")
