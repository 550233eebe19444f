"""Alice switches features for whom she wants; Bob looks; what she did is in the audit log and holds at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from clawsite.core import flags
from clawsite.core.models import AuditEvent, FeatureFlag

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing that another test's rows said."""
    flags.forget()
    yield
    flags.forget()


def save(client: Client, **changes: Any) -> Any:
    flags.ensure_rows()
    row = FeatureFlag.objects.get(name="charts")
    data = {"everyone": "unknown", "percent": "", "note": ""} | changes
    return client.post(reverse("admin:core_featureflag_change", args=[row.pk]), data)


def test_a_change_holds_at_once_and_is_audited(alice: Client) -> None:
    assert flags.is_on("charts", person="user:9", channel="bot")
    answer = save(alice, people_off_lines=" user:9 \n\nuser:9\n", channels_on_lines="bot", note="too large")
    assert answer.status_code == 302
    assert not flags.is_on("charts", person="user:9", channel="bot")
    row = FeatureFlag.objects.get(name="charts")
    assert (row.people_off, row.channels_on, row.note) == (["user:9"], ["bot"], "too large")
    event = AuditEvent.objects.get(action="feature.change")
    assert event.data == {"fields": ["channels_on_lines", "note", "people_off_lines"]}


def test_what_is_on_and_off_at_once_is_refused(alice: Client) -> None:
    answer = save(alice, people_off_lines="user:9", people_on_lines="user:9\nuser:8")
    assert answer.status_code == 200
    assert "Both on and off: user:9." in answer.content.decode()
    assert FeatureFlag.objects.get(name="charts").people_off == []


def test_the_list_shows_the_whole_catalogue_in_words(alice: Client) -> None:
    save(alice, percent="12.5")
    page = alice.get(reverse("admin:core_featureflag_changelist")).content.decode()
    assert "Answers while they are written" in page
    assert "for some" in page


def test_bob_looks_and_changes_nothing(bob: Client) -> None:
    flags.ensure_rows()
    row = FeatureFlag.objects.get(name="charts")
    assert bob.get(reverse("admin:core_featureflag_change", args=[row.pk])).status_code == 200
    assert save(bob, everyone="false").status_code == 403
    assert flags.is_on("charts")


def test_charlie_is_sent_to_the_login(charlie: Client) -> None:
    assert save(charlie, everyone="false").status_code == 302
    assert FeatureFlag.objects.get(name="charts").everyone is None
