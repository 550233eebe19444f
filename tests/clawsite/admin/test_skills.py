"""The page of a skill: read first, then switched on by an admin, and only what was shown."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from bots.skills.folder import skills_root
from bots.skills.offered import forget_cached
from clawsite.core.models import AuditEvent
from sessions_app.models import Skill
from tests.bots.skills.making import install, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def skill(tmp_path: Path) -> Iterator[Skill]:
    """A skill that was just installed."""
    tools = 'TOOLS = [{"name": "look", "description": "Looks.", "effect": "read", "command": "status"}]\n'
    forget_cached()
    yield install(write(tmp_path / "tea", tools=tools))
    forget_cached()
    shutil.rmtree(skills_root(), ignore_errors=True)


def page(skill: Skill) -> str:
    return reverse("admin:sessions_app_skill_change", args=[skill.pk])


def press(client: Client, skill: Skill, name: str, *, seen: str = "", confirmed: bool = True) -> str:
    url = reverse("admin:sessions_app_skill_press", args=[skill.pk, name])
    data = {"confirmed": "1"} if confirmed else {}
    return client.post(f"{url}?seen={seen}" if seen else url, data, follow=True).content.decode()


def test_alice_reads_what_it_says_and_may_do_before_she_switches_it_on(alice: Client, skill: Skill) -> None:
    text = alice.get(page(skill)).content.decode()
    assert "Black tea steeps for four minutes." in text
    assert "tea__look (effect read, from operator up) runs the command /status" in text
    assert "TOOLS = [{&quot;name&quot;: &quot;look&quot;" in text
    assert f"/do/enable/?seen={skill.digest}" in text
    assert "You have read the instructions" in press(alice, skill, "enable", seen=skill.digest, confirmed=False)
    assert not Skill.objects.get().enabled
    assert "The skill is on." in press(alice, skill, "enable", seen=skill.digest)
    assert Skill.objects.get().enabled
    assert "The skill is off." in press(alice, skill, "disable")
    assert "The skill is removed." in press(alice, skill, "remove")
    assert not Skill.objects.exists()
    actions = AuditEvent.objects.filter(action__startswith="skill.").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["skill.install", "skill.enable", "skill.disable", "skill.remove"]


def test_what_was_installed_meanwhile_is_not_switched_on_by_an_old_page(
    alice: Client, skill: Skill, tmp_path: Path
) -> None:
    install(write(tmp_path / "tea", body="Something else."))
    for seen in (skill.digest, ""):
        assert "installed anew meanwhile" in press(alice, skill, "enable", seen=seen)
    assert not Skill.objects.get().enabled


@pytest.mark.parametrize("name", ["enable", "disable", "remove"])
def test_bob_and_charlie_press_nothing(bob: Client, charlie: Client, skill: Skill, name: str) -> None:
    for client in (bob, charlie):
        press(client, skill, name, seen=skill.digest)
    assert not Skill.objects.get().enabled
    assert "Switch on" not in bob.get(page(skill)).content.decode()


def test_files_that_changed_are_not_switched_on(alice: Client, skill: Skill) -> None:
    shutil.rmtree(skills_root())
    assert "not those that were installed" in press(alice, skill, "enable", seen=skill.digest)
    assert not Skill.objects.get().enabled
