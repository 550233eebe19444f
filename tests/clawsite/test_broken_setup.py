"""A wrong folder, a wrong address of a server, and a stop too early end with one sentence, never with a traceback."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, IntegrityError, OperationalError, ProgrammingError, connection
from django.db.utils import DatabaseErrorWrapper

from clawsite.core import env
from clawsite.core.addresses import check_redis_url, read_database_url
from clawsite.core.dbtrouble import NOT_SET_UP, explain_words, is_passing, is_trouble
from clawsite.core.folders import env_folder, make_folder
from clawsite.core.keys import load_or_create_key
from clawsite.ops.stopping import SENTENCE

ROOT = Path(__file__).resolve().parents[2]
FAILED = 'connection failed: connection to server at "db.example", port 5432 failed: FATAL:  '

POSTGRES = {
    "ENGINE": "django.db.backends.postgresql", "HOST": "db.example", "PORT": 5432, "NAME": "claw",
}  # fmt: skip

START = """
import os, signal, sys
from clawsite.ops import stopping
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever started the tests may ignore it
stopping.end_on_signals()
ready, is_ready = os.pipe()
pid = os.fork()
if not pid:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.write(is_ready, b"x")
    signal.pause()
with stopping.ending_with_us(pid):
    os.read(ready, 1)
    print(pid, flush=True)
    os.waitpid(pid, 0)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_while_it_loads_is_one_sentence_and_leaves_no_child(number: signal.Signals, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as starting:
        assert starting.stdout is not None
        assert starting.stderr is not None
        child = int(starting.stdout.readline())
        starting.send_signal(number)
        assert starting.wait(60) == code
        assert starting.stderr.read() == SENTENCE
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_another_python_than_the_installed_one_is_told_which_to_use() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "manage.py", "pair", "list"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "This Python has no Django. Use the one of ./run: .venv/bin/python manage.py pair list\n"


def test_a_file_in_place_of_claw_home_is_told_by_the_command(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT, env={**os.environ, "CLAW_HOME": str(tmp_path / "file")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("clawsite is not configured right: CLAW_HOME needs the folder")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("role", ["up", "web"])
def test_a_port_or_address_that_cannot_be_had_is_told_with_what_to_change(tmp_path: Path, role: str) -> None:
    told = _told(tmp_path, role, CLAW_HOST="192.0.2.1")
    assert "Traceback" not in told
    assert "Set CLAW_HOST to an address of this machine" in told


def test_a_port_that_is_none_is_told(tmp_path: Path) -> None:
    assert "CLAW_PORT must be a whole number from 1 to 65535" in _told(tmp_path, "web", CLAW_PORT="99999")


def _told(home: Path, *arguments: str, **environment: str) -> str:
    """Return what a command writes that cannot do its work."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT,
        env={**os.environ, "CLAW_HOME": str(home), **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere"])
def test_a_folder_that_cannot_be_made_names_its_setting(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured, match=r"set CLAW_HOME to a folder that this user may write to"):
        make_folder("CLAW_HOME", tmp_path / place)


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    assert make_folder("CLAW_HOME", tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert make_folder("CLAW_HOME", tmp_path / "a" / "b").is_dir()


def test_a_home_of_nobody_names_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAW_HOME", "~nobody-has-this-name/x")
    with pytest.raises(ImproperlyConfigured, match="Set CLAW_HOME to an absolute path"):
        env_folder("CLAW_HOME", "~/.clawsite")


def test_a_key_file_that_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"key file .* cannot be read or made"):
        load_or_create_key(tmp_path, lambda: "key")


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"\xff\xfe\x00", "it is not text")])
def test_a_file_of_a_secret_that_cannot_be_read_names_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.setattr(env, "_files", {})
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN_FILE", str(tmp_path / "secret"))
    with pytest.raises(ImproperlyConfigured, match=f"TELEGRAM_BOT_TOKEN_FILE names a file that cannot be read: {why}"):
        env.env_secret("TELEGRAM_BOT_TOKEN")


@pytest.mark.django_db
def test_a_table_that_is_missing_is_not_over_in_a_moment() -> None:
    with pytest.raises(DatabaseError) as caught, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")
    assert not is_passing(caught.value)


@pytest.mark.sqlite
def test_a_database_that_another_program_keeps_is_free_in_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OperationalError) as caught, DatabaseErrorWrapper(connection):
            sqlite3.connect(path, timeout=0).execute("CREATE TABLE t (x)")
        other.execute("ROLLBACK")
    other.close()
    assert is_passing(caught.value)


@pytest.mark.parametrize(
    "url",
    ["nonsense", "foo://me:hunter2@db/claw", "mysql://me:hunter2@db/claw", "postgres://me:hun/ter2@db:99999/claw",
     "postgres://me:hunter2@[db/claw", "hunter2", "sqlite:////srv/hunter2.sqlite3", "sqlite://:memory:"],
)  # fmt: skip
def test_a_wrong_database_url_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL ") as told:
        read_database_url(url)
    assert "hun" not in str(told.value)
    assert "postgres://user:password@host:5432/name" in str(told.value)


@pytest.mark.parametrize(
    "url",
    ["nonsense", "http://:hunter2@host", "redis://", "redis://:hunter2@host:99999", "redis://[hunter2", "unix://"],
)
def test_a_wrong_redis_url_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^REDIS_URL ") as told:
        check_redis_url(url)
    assert "hun" not in str(told.value)


@pytest.mark.parametrize("url", ["", "redis://127.0.0.1", "rediss://u:p@host:6379/1", "unix:///run/redis.sock?db=1"])
def test_a_right_redis_url_is_taken(url: str) -> None:
    assert check_redis_url(url) == url


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FAILED + 'password authentication failed for user "me"', "refuses the user and password of DATABASE_URL"),
        (FAILED + 'database "claw" does not exist', "has no such database as DATABASE_URL names"),
        (FAILED + 'role "me" does not exist', "knows no such user as DATABASE_URL names"),
        (FAILED + 'too many connections for role "me"', "has no connection left"),
        (FAILED + 'too many connections for database "claw"', "has no connection left"),
        (FAILED + "remaining connection slots are reserved for roles with", "has no connection left"),
        (FAILED + 'permission denied for database "claw"', "may not work in its database"),
        (FAILED + 'role "me" is not permitted to log in', "Give it LOGIN"),
        (FAILED + 'no pg_hba.conf entry for host "h", user "me", database "claw"', "pg_hba.conf"),
        (FAILED.replace("FATAL:  ", "Connection refused"), "does not answer at db.example:5432"),
        ("failed to resolve host 'db.example': [Errno -2] Name or service not known", "no machine of the name"),
        ('invalid connection option "nonsense"', "an option after its ?"),
        ("no words that we know", "Is it locked, full or switched off?"),
    ],
)
def test_what_postgresql_says_becomes_what_to_do(text: str, said: str) -> None:
    assert said in explain_words(text, POSTGRES)
    assert explain_words('relation "core_process" does not exist', POSTGRES) == NOT_SET_UP


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no such table: core_process", NOT_SET_UP),
        ("unable to open database file", "cannot be opened"),
        ("file is not a database", "restore a backup"),
        ("database or disk is full", "Make room"),
        ("database is locked", "locked by another program"),
    ],
)
def test_what_sqlite_says_becomes_what_to_do(text: str, said: str) -> None:
    assert said in explain_words(text, {"ENGINE": "django.db.backends.sqlite3", "NAME": "/claw.sqlite3"})


def test_only_trouble_with_the_database_itself_is_told_as_such() -> None:
    for trouble in (OperationalError, ProgrammingError, DatabaseError):
        assert is_trouble(trouble("file is not a database"))
    assert not is_trouble(IntegrityError('null value in column "name" violates a constraint'))
