"""Files below a directory: nothing leads out, nothing but plain files opens, names from outside become safe."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawsite.core.errors import BadInput, NotAllowed
from guardrails.paths import NAME_BYTES, open_beneath, safe_name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a file, beside a secret outside of it."""
    (tmp_path / "secret").write_text("secret")
    inside = tmp_path / "root"
    (inside / "a" / "b").mkdir(parents=True)
    (inside / "a" / "file.txt").write_text("text")
    return inside


def test_a_file_below_is_read_written_and_extended(root: Path) -> None:
    with open_beneath(root, "a/file.txt") as file:
        assert file.read() == b"text"
    with open_beneath(root, "a/file.txt", mode="wb") as file:
        file.write(b"new")
    with open_beneath(root, "a/file.txt", mode="ab") as file:
        file.write(b"er")
    assert (root / "a" / "file.txt").read_bytes() == b"newer"


def test_new_files_belong_to_their_owner_alone(root: Path) -> None:
    with open_beneath(root, "x/y/new", mode="xb", create_parents=True) as file:
        file.write(b"1")
    assert (root / "x" / "y" / "new").stat().st_mode & 0o777 == 0o600
    assert (root / "x").stat().st_mode & 0o777 == 0o700
    with pytest.raises(FileExistsError):
        open_beneath(root, "x/y/new", mode="xb")


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../secret", "a/../../secret", "a//b", "./a", "a/", "a\x00b", "a/" * 40]
)
def test_paths_that_are_not_plain_are_refused(root: Path, path: str) -> None:
    with pytest.raises(BadInput):
        open_beneath(root, path)


@pytest.mark.parametrize("mode", ["rb", "wb", "ab"])
def test_links_are_not_followed(root: Path, mode) -> None:  # type: ignore[no-untyped-def]
    (root / "link").symlink_to(root.parent / "secret")
    (root / "dir").symlink_to(root.parent)
    (root / "near").symlink_to(root / "a" / "file.txt")
    for path in ("link", "dir/secret", "near"):
        with pytest.raises(NotAllowed):
            open_beneath(root, path, mode=mode)
    assert (root.parent / "secret").read_text() == "secret"


def test_a_file_with_a_second_name_is_refused_before_it_is_emptied(root: Path) -> None:
    os.link(root.parent / "secret", root / "hard")
    for mode in ("rb", "wb"):
        with pytest.raises(NotAllowed):
            open_beneath(root, "hard", mode=mode)
    assert (root.parent / "secret").read_text() == "secret"


def test_only_plain_files_open_and_a_pipe_does_not_hang(root: Path) -> None:
    os.mkfifo(root / "pipe")
    for path in ("pipe", "a"):
        with pytest.raises(NotAllowed):
            open_beneath(root, path)
    with pytest.raises(NotAllowed):
        open_beneath(root, "a/file.txt/more")
    with pytest.raises(FileNotFoundError):
        open_beneath(root, "a/none")


def opened_below(folder: Path) -> list[str]:
    """Return what this process has open in a folder: of its other descriptors, others open and close some meanwhile."""
    opened = []
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            opened.append(os.readlink(f"/proc/self/fd/{number}"))
    return [place for place in opened if place.startswith(str(folder))]


def test_no_descriptor_is_left_open(root: Path) -> None:
    os.link(root.parent / "secret", root / "hard")
    for path in ("a/b", "a/none", "hard", "a/file.txt/x"):
        with pytest.raises((NotAllowed, FileNotFoundError)):
            open_beneath(root, path)
    assert opened_below(root.parent) == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\report.docx", "report.docx"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("...", "file"),
        ("", "file"),
        ("a\x00b\n\tc.txt", "abc.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("e\u0301.txt", "é.txt"),
        ("отчёт за май.xlsx", "отчёт за май.xlsx"),
        ('a<b>:"c|?*.txt', "abc.txt"),
        ("  spaced   out .txt ", "spaced out .txt"),
        ("x" * 300 + ".tar", "x" * 196 + ".tar"),
    ],
)
def test_names_from_outside_become_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(max_size=400))
def test_every_name_can_be_stored(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= NAME_BYTES
    assert not set(safe) & {"/", "\\", "\x00", "\n", "\u202e"}
    assert safe[0] not in ".-"
    assert safe_name(safe) == safe
