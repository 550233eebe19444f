"""/status names the version that answers, to those who look after it."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from sessions_app.models import Contact
from tests.bots.commands.conftest import Say
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_operator_reads_which_version_and_which_instance_answers(
    people: People, say: Say, settings: Settings
) -> None:
    settings.VERSION, settings.CLAW_INSTANCE = "7.8.9", "green"

    assert "clawsite 7.8.9 · green" in say(people.bob, people.bobs, "/status")[0].text.splitlines()


def test_one_instance_needs_no_name(people: People, say: Say, settings: Settings) -> None:
    settings.VERSION = "7.8.9"

    assert "clawsite 7.8.9" in say(people.bob, people.bobs, "/status")[0].text.splitlines()


def test_who_only_talks_is_not_told(people: People, say: Say) -> None:
    people.charlie.state = Contact.State.APPROVED
    people.charlie.save()

    assert "clawsite" not in say(people.charlie, people.bobs, "/status")[0].text
