"""`manage.py pair`: decides a code once, and says so."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from clawsite.core.models import AuditEvent
from sessions_app.contacts import issue_pairing
from sessions_app.models import Channel, Contact, Pairing
from tests.clawsite.management.running import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def charlie() -> Contact:
    """A stranger."""
    channel = Channel.objects.create(kind="webchat", name="web")
    return Contact.objects.create(channel=channel, external_id="9", name="Charlie\x1b[31m")


def test_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Nobody waits" in run(monkeypatch, "pair", "list").text
    assert json.loads(run(monkeypatch, "pair", "list", "--json").text) == []


def test_the_list_shows_open_codes_only(monkeypatch: pytest.MonkeyPatch, charlie: Contact) -> None:
    code = issue_pairing(charlie).shown
    other = Contact.objects.create(channel=charlie.channel, external_id="10")
    old = issue_pairing(other)
    Pairing.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    said = run(monkeypatch, "pair", "list").text
    assert code in said
    assert old.code not in said
    assert old.shown not in said
    assert "\x1b" not in said
    rows = json.loads(run(monkeypatch, "pair", "list", "--json").text)
    assert [(row["code"], row["channel"]) for row in rows] == [(code, "web")]


def test_a_code_is_approved_once(monkeypatch: pytest.MonkeyPatch, charlie: Contact) -> None:
    code = issue_pairing(charlie).code
    said = run(monkeypatch, "pair", "approve", f" {code[:4].lower()}-{code[4:]} ", "--role", "operator")
    charlie.refresh_from_db()
    assert "as operator" in said.text
    assert (charlie.state, charlie.role) == ("approved", "operator")
    assert AuditEvent.objects.get(action="contact.approve").actor.startswith("cli:")
    assert "unknown, used or too old" in run(monkeypatch, "pair", "approve", code).error


def test_a_denied_person_is_blocked(monkeypatch: pytest.MonkeyPatch, charlie: Contact) -> None:
    said = run(monkeypatch, "pair", "deny", issue_pairing(charlie).code)
    charlie.refresh_from_db()
    assert ("is blocked" in said.text, charlie.state) == (True, "blocked")


@pytest.mark.parametrize("arguments", [("approve",), ("approve", "X", "--role", "king"), ("nonsense",), ()])
def test_wrong_options_are_refused(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    assert run(monkeypatch, "pair", *arguments).error
