"""Putting restored files in place: whichever move a process is killed at, the next one finishes all of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.ops.backups import swapping
from clawsite.ops.backups.errors import BackupFailed

DATABASE = "clawsite.sqlite3"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home with something old in it, and something new that lies ready."""
    old = {
        DATABASE: "old", f"{DATABASE}-wal": "old log", "secret.key": "old", "media/a": "old", "skills/gone": "old",
        "run/lock": "stays",
    }  # fmt: skip
    _write(tmp_path, old)
    new = swapping.staging(tmp_path)
    _write(new, {DATABASE: "new", "secret.key": "new", "encryption.key": "new", "media/b": "new"})
    return tmp_path


def _write(root: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def check(home: Path) -> None:
    """Everything is new, what was there before is kept, and nothing is left over."""
    assert [(home / name).read_text() for name in (DATABASE, "secret.key", "encryption.key", "media/b")] == ["new"] * 4
    assert not (home / f"{DATABASE}-wal").exists()
    assert not (home / "media/a").exists()
    assert not (home / "skills").exists()
    assert (home / "run/lock").read_text() == "stays"
    assert not (home / swapping.NAME).exists()
    kept = {path.name: path for folder in home.glob("replaced-*") for path in folder.rglob("*") if path.is_file()}
    assert set(kept) == {DATABASE, f"{DATABASE}-wal", "secret.key", "a", "gone"}
    assert kept[DATABASE].read_text() == "old"


def test_everything_is_replaced_and_kept(place: Path) -> None:
    kept = swapping.swap(place, kept=swapping.kept_name(), database=DATABASE)

    check(place)
    assert kept.is_dir()


def test_a_link_to_a_disk_that_is_away_is_in_nobody_s_way(place: Path) -> None:
    (place / "media").rename(place / "elsewhere")
    (place / "media").symlink_to("nowhere")
    kept = swapping.swap(place, kept=swapping.kept_name(), database=DATABASE)
    assert (place / "media/b").read_text() == "new"
    assert os.readlink(kept / "media") == "nowhere"


def die_at(number: int, home: Path) -> bool:
    """Swap in a child that dies at its nth move; tell whether it did."""
    child = os.fork()
    if child == 0:
        moves = 0

        def count(event: str, _: object) -> None:
            nonlocal moves
            moves += event in ("os.rename", "os.link", "os.remove", "shutil.rmtree")
            if moves == number:
                os._exit(9)

        sys.addaudithook(count)
        swapping.swap(home, kept=swapping.kept_name(), database=DATABASE)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("number", range(1, 13))
def test_a_swap_that_is_killed_is_finished_or_never_began(place: Path, number: int) -> None:
    assert die_at(number, place)
    if swapping.has_unfinished(place):
        swapping.finish(place)
        check(place)
    elif (place / DATABASE).read_text() == "old":
        assert (place / "media/a").read_text() == "old"
        assert (place / "secret.key").read_text() == "old"
    else:
        assert (place / "media/b").read_text() == "new"


def test_the_next_start_finishes_it_and_says_when_keys_are_new(place: Path, settings: Settings) -> None:
    settings.CLAW_HOME = place
    swapping.finish_restore()
    assert (place / DATABASE).read_text() == "old"

    die_at(2, place)
    with pytest.raises(BackupFailed, match="Start clawsite again"):
        swapping.finish_restore()
    check(place)


def test_what_lies_ready_from_a_restore_that_was_given_up_is_removed(place: Path) -> None:
    assert list(swapping.staging(place).iterdir()) == []


def test_nothing_is_laid_ready_over_a_swap_that_is_unfinished(place: Path) -> None:
    die_at(3, place)

    with pytest.raises(BackupFailed, match="interrupted"):
        swapping.staging(place)
