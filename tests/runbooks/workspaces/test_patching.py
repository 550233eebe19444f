"""Patches: where they fit, where they do not, and that they are applied as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from clawsite.core.errors import BadInput, ClawError
from runbooks.workspaces.patching import apply_patch


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two files."""
    (tmp_path / "a.txt").write_text("".join(f"line {number}\n" for number in range(1, 11)))
    (tmp_path / "b.txt").write_text("last line is bare")
    return tmp_path


def patch(*hunks: str, name: str = "a.txt", old: str = "", new: str = "") -> str:
    return f"--- {old or 'a/' + name}\n+++ {new or 'b/' + name}\n" + "".join(hunks)


def test_a_change_with_right_and_wrong_numbers(tree: Path) -> None:
    hunks = "@@ -1,2 +1,2 @@\n line 1\n-line 2\n+line two\n", "@@ -99,7 +3,3 @@ def x():\n line 7\n-line 8\n line 9\n"
    assert apply_patch(tree, patch(*hunks)) == ("a.txt",)
    assert (tree / "a.txt").read_text().split("\n")[:3] == ["line 1", "line two", "line 3"]
    assert "line 8" not in (tree / "a.txt").read_text()


def test_files_are_added_and_removed_and_ends_of_lines_kept(tree: Path) -> None:
    (tree / "c.txt").write_bytes(b"one\r\ntwo\r\n")
    text = (
        patch("@@ -0,0 +1,2 @@\n+x\n+y\n", name="d/new.txt", old="/dev/null")
        + patch("@@ -1,2 +1,2 @@\n one\n-two\n+2\n", name="c.txt")
        + patch("@@ -1 +0,0 @@\n-last line is bare\n\\ No newline at end of file\n", name="b.txt", new="/dev/null")
    )
    assert apply_patch(tree, text) == ("d/new.txt", "c.txt", "b.txt")
    assert (tree / "d" / "new.txt").read_bytes() == b"x\ny\n"
    assert (tree / "c.txt").read_bytes() == b"one\r\n2\r\n"
    assert not (tree / "b.txt").exists()


def test_a_bare_last_line_gets_its_end_and_loses_it(tree: Path) -> None:
    bare = "\\ No newline at end of file\n"
    apply_patch(tree, patch(f"@@ -1 +1 @@\n-last line is bare\n{bare}+whole\n", name="b.txt"))
    assert (tree / "b.txt").read_bytes() == b"whole\n"
    apply_patch(tree, patch(f"@@ -1 +1 @@\n-whole\n+bare\n{bare}", name="b.txt"))
    assert (tree / "b.txt").read_bytes() == b"bare"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hello", "no unified diff"),
        (patch("@@ -1 +1 @@\n-line 77\n+x\n"), "no line 'line 77'"),
        (patch("@@ -1 +1 @@\n line 1\n-line 3\n+x\n"), "do not stand together"),
        (patch("@@ -1 +1 @@\n line 1\nline 2\n"), "begins with neither"),
        (patch("@@ -1 +1 @@\n-x\n+y\n", name="nope.txt"), "is not there"),
        (patch("@@ -0,0 +1 @@\n+x\n", old="/dev/null"), "there already"),
        (patch("@@ -1 +0,0 @@\n-line 1\n", new="/dev/null"), "not all of its lines"),
        (patch("@@ -1 +1 @@\n-x\n+y\n", new="b/other.txt"), "rename|not there"),
        ("rename from a\nrename to b\n", "nothing else"),
        (patch("@@ -1 +1 @@\n-line 1\n+x\n", name="../a.txt"), "relative"),
        (patch("@@ -0,0 +1 @@\n+x\n", name=".git/hooks/x", old="/dev/null"), "Git's own"),
    ],
)
def test_what_does_not_fit_is_said_and_changes_nothing(tree: Path, text: str, why: str) -> None:
    before = {each.name: each.read_bytes() for each in tree.iterdir()}
    good = patch("@@ -1 +1 @@\n-last line is bare\n+x\n", name="b.txt")
    for tried in (text,) if text == "hello" else (text, good + text):
        with pytest.raises(ClawError, match=why):
            apply_patch(tree, tried)
    assert {each.name: each.read_bytes() for each in tree.iterdir()} == before


def test_two_equal_places_are_a_doubt(tree: Path) -> None:
    (tree / "a.txt").write_text("x\nsame\ny\nsame\nx\n")
    with pytest.raises(BadInput, match="two places"):
        apply_patch(tree, patch("@@ -3 +3 @@\n-same\n+other\n"))
    apply_patch(tree, patch("@@ -4 +4 @@\n-same\n+other\n"))
    assert (tree / "a.txt").read_text() == "x\nsame\ny\nother\nx\n"
