"""Anomalies and watches in the admin: what a page tells, and that nobody writes there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from runbooks.models import Anomaly, MonitoredSystem, NamedQuery, QueryWatch

pytestmark = pytest.mark.django_db


@pytest.fixture
def query() -> NamedQuery:
    """A watched query."""
    system = MonitoredSystem.objects.create(name="guardian", title="Guardian")
    return NamedQuery.objects.create(system=system, name="tx", title="Volume", promql="tx", watched=True)


@pytest.fixture
def anomaly(query: NamedQuery) -> Anomaly:
    """A drop that lasted twelve minutes."""
    start = timezone.now() - timedelta(hours=2)
    end = start + timedelta(minutes=12)
    return Anomaly.objects.create(
        system=query.system, query="tx", title="Volume", series="s", labels={"merchant": "<b>xyz</b>"}, kind="drop",
        state="resolved", started_at=start, seen_at=end, ended_at=end, robust=-8.66, value=12, expected=1247,
    )  # fmt: skip


def test_the_list_and_the_page_tell_what_happened(alice: Client, anomaly: Anomaly) -> None:
    page = alice.get(reverse("admin:runbooks_anomaly_changelist") + "?kind=drop").content.decode()
    for words in ("Volume", "Guardian", "-8.7", "12 (1247)", "12\xa0minutes"):
        assert words in page, words
    page = alice.get(reverse("admin:runbooks_anomaly_change", args=[anomaly.pk])).content.decode()
    assert "merchant: &lt;b&gt;xyz&lt;/b&gt;" in page


def test_nobody_changes_them(alice: Client, bob: Client, charlie: Client, anomaly: Anomaly) -> None:
    url = reverse("admin:runbooks_anomaly_change", args=[anomaly.pk])
    assert alice.post(url, {"kind": "spike"}).status_code == 403
    assert bob.post(url, {"kind": "spike"}).status_code == 403
    assert charlie.post(url, {"kind": "spike"}).status_code == 302
    anomaly.refresh_from_db()
    assert anomaly.kind == "drop"


def test_a_query_shows_how_its_watch_goes(alice: Client, query: NamedQuery) -> None:
    pages = [
        reverse("admin:runbooks_namedquery_changelist"),
        reverse("admin:runbooks_namedquery_change", args=[query.pk]),
    ]
    assert "not looked at yet" in alice.get(pages[0]).content.decode()

    watch = QueryWatch.objects.create(query=query, looked_at=timezone.now(), error="Prometheus does not answer.")
    assert "problem" in alice.get(pages[0]).content.decode()
    assert "Last look: now. Prometheus does not answer." in alice.get(pages[1]).content.decode()

    watch.delete()
    NamedQuery.objects.update(watched=False)
    assert "not looked at yet" not in alice.get(pages[0]).content.decode()
