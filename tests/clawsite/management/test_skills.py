"""`manage.py skills` as an admin types it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bots.skills.folder import folder_of
from bots.skills.offered import forget_cached
from sessions_app.models import Skill
from tests.bots.skills.making import write
from tests.clawsite.management.running import run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Remember no skill of another test."""
    forget_cached()
    yield
    forget_cached()


def test_a_skill_goes_from_a_folder_to_on_and_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = write(tmp_path / "tea", tools="TOOLS = []\nprint('hello')\n")
    assert "No skill is installed. With clawsite come: transaction-guardian." in run(monkeypatch, "skills", "list").text
    assert "tea is installed, switched off." in run(monkeypatch, "skills", "install", str(folder)).text
    assert "was installed already, and is the same" in run(monkeypatch, "skills", "install", str(folder)).text
    refused = run(monkeypatch, "skills", "enable", "tea", typed="n\n")
    assert "Black tea steeps for four minutes." in refused.text
    assert "  # --- tools.py\n  TOOLS = []\n  print('hello')" in refused.text
    assert (refused.error, Skill.objects.get().enabled) == ("Nothing was changed.", False)
    assert "tea is on." in run(monkeypatch, "skills", "enable", "tea", typed="y\n").text
    listed = json.loads(run(monkeypatch, "skills", "list", "--json").text)
    assert [(row["name"], row["state"]) for row in listed] == [("tea", "on")]
    assert "tea is off." in run(monkeypatch, "skills", "disable", "tea").text
    assert run(monkeypatch, "skills", "remove", "tea", typed="\n").error == "Nothing was removed."
    assert "tea is removed." in run(monkeypatch, "skills", "remove", "tea", "--yes").text
    assert not Skill.objects.exists()


def test_what_is_wrong_is_said_with_file_and_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = write(tmp_path / "tea", front="name: Tea\ndescription: x\n")
    said = run(monkeypatch, "skills", "install", str(folder)).error
    assert said.startswith("This skill cannot be installed:\n- SKILL.md, line 2: name may hold")
    assert "There is no folder" in run(monkeypatch, "skills", "install", str(tmp_path / "gone")).error
    assert run(monkeypatch, "skills", "enable", "tea").error == "There is no skill 'tea'. Installed: none."


def test_a_change_on_disk_is_told_with_the_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, "skills", "install", str(write(tmp_path / "tea")))
    run(monkeypatch, "skills", "enable", "tea", "--yes")
    skill = Skill.objects.get()
    (folder_of("tea", skill.digest) / "SKILL.md").write_text("other")
    said = run(monkeypatch, "skills", "list").text
    assert "tea is off: Its files are no longer those that were installed." in said


def test_text_of_a_skill_cannot_move_the_cursor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, "skills", "install", str(write(tmp_path / "tea", body="a\x1b[2Jb\u202ec")))
    said = run(monkeypatch, "skills", "show", "tea").text
    assert "\x1b" not in said
    assert "\u202e" not in said
