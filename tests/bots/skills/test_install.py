"""Installing, switching, removing: who may, what is kept, what two at once do, and what a change on disk leads to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bots.skills.folder import folder_of, skills_root
from bots.skills.install import install_skill
from bots.skills.offered import CHANGED, check_files, list_enabled
from bots.skills.switching import disable_skill, enable_skill, remove_skill
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.models import AuditEvent
from sessions_app.models import Skill
from tests.bots.skills.making import ALICE, BOB, CHARLIE, install, switched_on, write
from tests.sessions_app.people import People
from tests.template import put_database

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return list(AuditEvent.objects.filter(action__startswith="skill.").order_by("id").values_list("action", flat=True))


def test_a_skill_is_installed_switched_off_and_kept_as_it_was(tea: Path) -> None:
    skill = install(tea)
    assert (skill.name, skill.enabled, skill.body) == ("tea", False, "Black tea steeps for four minutes.")
    assert (folder_of("tea", skill.digest) / "SKILL.md").read_bytes() == (tea / "SKILL.md").read_bytes()
    assert oct(skills_root().stat().st_mode & 0o777) == "0o700"
    assert list_enabled() == ()


@pytest.mark.parametrize("actor", [BOB, CHARLIE])
def test_only_admins_install_switch_and_remove(tea: Path, actor: object) -> None:
    with pytest.raises(NotAllowed):
        install_skill(tea, actor=actor)  # type: ignore[arg-type]
    skill = install(tea)
    for act in (disable_skill, remove_skill):
        with pytest.raises(NotAllowed):
            act(skill, actor=actor)  # type: ignore[arg-type]
    with pytest.raises(NotAllowed):
        enable_skill(skill, digest=skill.digest, actor=actor)  # type: ignore[arg-type]
    assert actions() == ["skill.install"]


def test_the_same_again_changes_nothing_and_other_content_is_off_until_it_is_read(tea: Path) -> None:
    first = switched_on(tea)
    again = install_skill(tea, actor=ALICE)
    assert (again.changed, again.skill.enabled) == (False, True)
    write(tea, body="Green tea steeps for two minutes.")
    other = install_skill(tea, actor=ALICE)
    assert (other.changed, other.skill.enabled, other.skill.pk) == (True, False, first.pk)
    assert [path.name for path in (skills_root() / "tea").iterdir()] == [other.skill.digest[:16]]
    assert list_enabled() == ()


def test_what_was_shown_is_what_is_switched_on(tea: Path) -> None:
    shown = install(tea)
    write(tea, body="Something else.")
    install(tea)
    with pytest.raises(BadInput, match="Look at it again"):
        enable_skill(shown, digest=shown.digest, actor=ALICE)
    assert not Skill.objects.get().enabled


@pytest.mark.parametrize("how", ["edited", "added", "compiled", "linked", "gone"])
def test_a_change_on_disk_switches_the_skill_off_with_a_sentence(tea: Path, how: str) -> None:
    skill = switched_on(tea)
    assert check_files(skill)
    folder = folder_of(skill.name, skill.digest)
    file = folder / "SKILL.md"
    if how == "edited":
        file.write_text(file.read_text().replace("four", "nine"))
    elif how == "added":
        (folder / "more.md").write_text("x")
    elif how == "compiled":
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__" / "tools.cpython-311.pyc").write_bytes(b"x")
    elif how == "linked":
        os.rename(file, folder.parent / "away")
        file.symlink_to(folder.parent / "away")
    else:
        file.unlink()
    assert not check_files(skill)
    skill.refresh_from_db()
    assert (skill.enabled, skill.off_reason) == (False, CHANGED)
    assert actions()[-1] == "skill.changed"
    with pytest.raises(BadInput, match="Install it again"):
        enable_skill(skill, digest=skill.digest, actor=ALICE)
    repaired = install(tea)
    enable_skill(repaired, digest=repaired.digest, actor=ALICE)
    assert check_files(repaired)


def test_removed_and_installed_again_it_is_on_nowhere(tea: Path, people: People) -> None:
    skill = switched_on(tea, people.bobs)
    remove_skill(skill, actor=ALICE)
    assert not (skills_root() / "tea").exists()
    again = switched_on(tea)
    people.bobs.refresh_from_db()
    assert again.pk not in people.bobs.skills


def test_what_a_crash_left_behind_is_taken_away(tea: Path) -> None:
    install(tea)
    left = skills_root() / ".new-abc"
    left.mkdir()
    (skills_root() / "tea" / "0123456789abcdef").mkdir()
    skill = install(tea)
    assert not left.exists()
    assert [path.name for path in (skills_root() / "tea").iterdir()] == [skill.digest[:16]]


SCRIPT = """
import sys, django
django.setup()
from pathlib import Path
from bots.skills.folder import is_unchanged
from bots.skills.install import install_skill
from guardrails.types import Actor, Role
for _ in range(4):
    for folder in sys.argv[1:]:
        install_skill(Path(folder), actor=Actor(subject="cli:x", role=Role.ADMIN))
"""


def test_two_processes_install_one_name_and_one_whole_skill_is_left(tmp_path: Path) -> None:
    home, folders = tmp_path / "home", [tmp_path / "a" / "tea", tmp_path / "b" / "tea"]
    for folder, body in zip(folders, ("One.", "Two."), strict=True):
        write(folder, body=body, notes__md=body * 1000)
    own = put_database(home) | {"CLAW_HOME": str(home), "DJANGO_SETTINGS_MODULE": "clawsite.settings"}
    env = {**os.environ, **own}
    orders = (folders, folders[::-1])
    running = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, *map(str, order)], env=env, stderr=subprocess.PIPE)
        for order in orders
    ]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in running] == [(b"", 0)] * 2
    subprocess.run([sys.executable, "manage.py", "skills", "enable", "tea", "--yes"], env=env, check=True, timeout=60)
    assert len(list((home / "skills" / "tea").iterdir())) == 1
    assert not list((home / "skills").glob(".new-*"))


def test_nothing_that_installing_needs_is_loaded_by_the_roles() -> None:
    code = (
        "import django, sys; django.setup(); import bots.main, clawsite.gateway.methods;"
        "print([name for name in sys.modules if name in ('bots.skills.install', 'bots.skills.frontmatter')])"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "clawsite.settings"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
