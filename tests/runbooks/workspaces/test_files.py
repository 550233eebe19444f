"""Files of a project: what can be read and written, and everything that leads out of it."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from clawsite.core.errors import BadInput, ClawError, NotAllowed, NotFound
from runbooks.workspaces.files import check_path, delete_file, is_secret, list_tree, read_file, write_file
from runbooks.workspaces.search import search


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree, with something secret beside it."""
    (tmp_path / "secret").write_text("not yours")
    made = tmp_path / "tree"
    (made / "src").mkdir(parents=True)
    (made / "src" / "one.py").write_text("one = 1\n")
    (made / "README.md").write_text("Hello\nworld\n")
    return made


def test_a_tree_is_listed_read_written_and_searched(tree: Path) -> None:
    write_file(tree, "docs/a/plan.md", b"one plan\n")
    assert [each.path for each in list_tree(tree).entries] == [
        "README.md", "docs", "docs/a", "docs/a/plan.md", "src", "src/one.py",
    ]  # fmt: skip
    assert [each.path for each in list_tree(tree, "src", depth=1).entries] == ["src/one.py"]
    assert list_tree(tree, limit=2).more
    part = read_file(tree, "./README.md", offset=6, limit=3)
    assert (part.data, part.offset, part.size) == (b"wor", 6, 12)
    assert [(hit.path, hit.line) for hit in search(tree, "^one").hits] == [("docs/a/plan.md", 1), ("src/one.py", 1)]
    assert [hit.path for hit in search(tree, "one", glob="*.py").hits] == ["src/one.py"]
    assert search(tree, "o.e", regex=False).hits == ()
    delete_file(tree, "docs/a/plan.md")
    with pytest.raises(NotFound):
        read_file(tree, "docs/a/plan.md")


def test_any_name_can_be_shown(tree: Path) -> None:
    Path(os.fsdecode(os.fsencode(tree / "src") + b"/caf\xe9\x1b.txt")).touch()
    assert [each.shown for each in list_tree(tree, "src").entries] == ["src/caf%E9\ufffd.txt", "src/one.py"]


def test_what_is_there_is_replaced_only_if_wanted_and_programs_stay_programs(tree: Path) -> None:
    with pytest.raises(BadInput, match="there already"):
        write_file(tree, "README.md", b"x", overwrite=False)
    (tree / "run").write_text("#!/bin/sh\n")
    (tree / "run").chmod(0o755)
    write_file(tree, "run", b"#!/bin/sh\n:\n")
    assert (tree / "run").stat().st_mode & 0o777 == 0o755
    write_file(tree, "run", b"data", keep_mode=False)
    assert (tree / "run").stat().st_mode & 0o777 == 0o644
    write_file(tree, "new", b"x", overwrite=False)
    assert sorted(each.name for each in tree.iterdir()) == ["README.md", "new", "run", "src"]


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../secret", "a/../../secret", "a//b", "a\0b", "a\nb", "a/\x1b[2J", "a/" * 40 + "b"]
)
def test_paths_that_lead_out_are_none(tree: Path, path: str) -> None:
    for attempt in (
        lambda: read_file(tree, path),
        lambda: write_file(tree, path, b"x"),
        lambda: delete_file(tree, path),
    ):
        with pytest.raises(BadInput):
            attempt()


@pytest.mark.parametrize(
    "name",
    [".git", ".GIT", ".Git", ".git.", ".git ", "git~1", "GIT~1", ".g\u200bit", "\uff0egit", ".git::$INDEX_ALLOCATION"],
)
def test_git_is_not_touched_in_any_spelling(tree: Path, name: str) -> None:
    for path in (name + "/hooks/pre-commit", f"src/{name}/config", f"src/{name}/x"):
        with pytest.raises(NotAllowed):
            write_file(tree, path, b"x")
    assert sorted(each.name for each in tree.iterdir()) == ["README.md", "src"]


@pytest.mark.parametrize("name", [".gitignore", ".github/x.yml", "git", "digit~1x", "env.py", "identity", "id_card.py"])
def test_names_that_are_near_are_allowed(name: str) -> None:
    assert check_path(name, reading=True) == name


@pytest.mark.parametrize(
    "name", [".env", ".ENV", ".env.local", "a.pem", "server.key", ".ssh", "id_rsa", "id_ed25519.pub"]
)
def test_files_with_keys_are_not_read_out(tree: Path, name: str) -> None:
    (tree / name).write_text("canary")
    with pytest.raises(NotAllowed):
        read_file(tree, name)
    assert search(tree, "canary").hits == ()
    assert is_secret(name)
    assert not is_secret(".env.example")


def test_links_pipes_and_second_names_are_refused(tree: Path) -> None:
    secret = tree.parent / "secret"
    (tree / "link").symlink_to(secret)
    (tree / "folder").symlink_to(tree.parent)
    os.link(secret, tree / "hard")
    os.mkfifo(tree / "pipe")
    for path in ("link", "folder/secret", "hard", "pipe"):
        with pytest.raises(NotAllowed):
            read_file(tree, path)
        with pytest.raises(NotAllowed):
            write_file(tree, path, b"x")
    with pytest.raises(NotAllowed):
        write_file(tree, "folder/new", b"x")
    with pytest.raises(NotAllowed):
        write_file(tree, "folder/deep/new", b"x")
    with pytest.raises(ClawError):
        list_tree(tree, "folder")
    assert search(tree, "not yours").hits in ((), tuple(search(tree, "not yours", glob="hard").hits))
    delete_file(tree, "link")  # the link itself
    assert secret.read_text() == "not yours"
    assert sorted(each.name for each in tree.parent.iterdir()) == ["secret", "tree"]


def test_a_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere(tree: Path) -> None:
    """Whoever wins the race, nothing is written or read outside."""
    outside = tree.parent / "outside"
    outside.mkdir()
    (outside / "f").write_text("not yours")
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            with suppress(OSError):
                (tree / "src").rename(tree / "kept")
            with suppress(OSError):
                (tree / "src").symlink_to(outside)
            with suppress(OSError):
                (tree / "src").unlink()
            with suppress(OSError):
                (tree / "kept").rename(tree / "src")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(300):
            with suppress(ClawError, OSError):
                write_file(tree, "src/f", b"ours")
            with suppress(ClawError, OSError):
                assert read_file(tree, "src/f").data == b"ours"
    finally:
        over.set()
        thread.join()
    assert [each.name for each in outside.iterdir()] == ["f"]
    assert (outside / "f").read_text() == "not yours"
