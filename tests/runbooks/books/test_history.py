"""The history of runbooks: a commit for each change, by who made it, in order, and once."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.queue import count_waiting
from guardrails.types import Actor, Role
from runbooks.books import read_book, write_book
from runbooks.books.history import _person, commit_change
from tests.runbooks.books.making import ECHO, book, saved

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
ALICE = ("Alice", "user-1@clawsite.invalid")


@pytest.fixture
def home(settings: Settings, tmp_path: Path) -> Path:
    """A state directory without a history."""
    settings.CLAW_HOME = tmp_path
    return tmp_path / "config"


def log(home: Path) -> list[str]:
    """Return author and subject of each commit, oldest first."""
    command = ["git", "-C", str(home), "log", "--reverse", "--format=%an: %s"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_each_change_is_a_commit(home: Path) -> None:
    first, second = write_book(book(ECHO)), write_book(book(ECHO, ECHO))
    assert commit_change("try", 1, first, *ALICE)
    assert commit_change("try", 2, second, "Bob", "user-2@clawsite.invalid")
    assert not commit_change("try", 2, second, *ALICE)  # delivered twice
    assert not commit_change("try", 1, first, *ALICE)  # delivered late
    assert read_book((home / "runbooks" / "try.yaml").read_text(encoding="utf-8")) == book(ECHO, ECHO)

    assert commit_change("try", 3, "", *ALICE)
    assert log(home) == ["Alice: try: version 1", "Bob: try: version 2", "Alice: try: removed: version 3"]
    assert not (home / "runbooks" / "try.yaml").exists()
    assert not commit_change("try", 3, "", *ALICE)
    assert commit_change("try", 1, first, *ALICE)  # another one of the same name


def test_saving_has_a_worker_commit_it(db: None) -> None:
    before = count_waiting()
    saved(ECHO)
    saved(ECHO)
    assert count_waiting() == before + 1


def test_names_cannot_forge_an_author(home: Path) -> None:
    actor = Actor(subject="user:7\n", role=Role.ADMIN, name="Eve <root@x>\n\nCo-Authored")
    assert _person(actor) == ("Eve root@xCo-Authored", "user-7-@clawsite.invalid")
    assert commit_change("try", 1, write_book(book(ECHO)), *_person(actor))
    assert log(home) == ["Eve root@xCo-Authored: try: version 1"]


def test_a_broken_repository_stops_nobody(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    home.mkdir()
    (home / ".git").mkdir()
    (home / ".git" / "HEAD").write_text("nonsense", encoding="ascii")
    assert not commit_change("try", 1, "x", *ALICE)
    assert "the history of runbooks is not kept" in caplog.text
