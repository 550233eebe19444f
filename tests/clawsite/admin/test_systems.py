"""The pages of monitored systems and their queries: what admins enter, what is never shown, and the buttons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from clawsite.core.models import AuditEvent
from runbooks.models import Anomaly, MonitoredSystem, NamedQuery, SystemReading
from runbooks.sources.credentials import change, headers_for, services_in
from tests.ports import free_port
from tests.servers.guardian import GuardianServer

pytestmark = pytest.mark.django_db

TOKEN = "a-token-nobody-may-see"
ADD = reverse("admin:runbooks_monitoredsystem_add")
ADD_QUERY = reverse("admin:runbooks_namedquery_add")
FORM = {"name": "guardian", "enabled": "on", "health_url": "http://10.0.0.7:8001/health"}


@pytest.fixture
def guardian() -> Iterator[GuardianServer]:
    """The example system, which wants a token."""
    with GuardianServer(token=TOKEN).running() as server:
        yield server


def make(**fields: Any) -> MonitoredSystem:
    made = {
        "name": "guardian",
        "health_url": "http://10.0.0.7:8001/health",
        "credentials": change("", {"system": TOKEN}),
    }
    return MonitoredSystem.objects.create(**{**made, **fields})


def page(row: MonitoredSystem) -> str:
    return reverse("admin:runbooks_monitoredsystem_change", args=[row.pk])


def press(client: Client, row: MonitoredSystem | NamedQuery, name: str) -> str:
    url = reverse(f"admin:runbooks_{row._meta.model_name}_press", args=[row.pk, name])
    return client.post(url, follow=True).content.decode()


def test_alice_adds_a_system_and_its_token_is_never_seen_again(alice: Client) -> None:
    entered = FORM | {"label_lines": "system=guardian\n env = prod ", "new_system": TOKEN, "new_prometheus": "a:b"}
    answer = alice.post(ADD, entered)
    assert answer.status_code == 302, answer.content.decode()
    row = MonitoredSystem.objects.get()
    assert row.labels == {"system": "guardian", "env": "prod"}
    assert services_in(row.credentials) == ["system", "prometheus"]
    shown = alice.get(page(row)).content.decode()
    assert "env=prod\nsystem=guardian" in shown
    assert "system, prometheus" in shown
    audited = list(AuditEvent.objects.filter(action__startswith="monitoredsystem.").values_list("action", "data"))
    assert audited == [("monitoredsystem.create", {"name": "guardian"})]
    for secret in (TOKEN, "YTpi"):
        assert secret not in shown + str(list(AuditEvent.objects.values()))


def test_credentials_are_kept_changed_and_removed_one_by_one(alice: Client) -> None:
    row = make()
    SystemReading.objects.create(system=row, source="health", data={"status": "x"})
    alice.post(page(row), FORM | {"title": "Guardian"})
    assert SystemReading.objects.exists()
    alice.post(page(row), FORM | {"new_alertmanager": "other"})
    row.refresh_from_db()
    assert headers_for(row.credentials, "health") == {"Authorization": f"Bearer {TOKEN}"}
    assert headers_for(row.credentials, "alertmanager") == {"Authorization": "Bearer other"}
    assert not SystemReading.objects.exists()  # it is read anew with them
    alice.post(page(row), FORM | {"new_system": "-"})
    row.refresh_from_db()
    assert services_in(row.credentials) == ["alertmanager"]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "a b", "letters"),
        ("health_url", "guardian", "Only http and https"),
        ("prometheus_url", "http://u:p@h/", "without a password"),
        ("label_lines", "a-b=c", "cannot be the name of a label"),
        ("label_lines", "system", "a text of 1 to"),
        ("new_system", "ключ", "one line of ASCII"),
    ],
)
def test_each_wrong_field_has_its_sentence(alice: Client, field: str, value: str, sentence: str) -> None:
    answer = alice.post(ADD, FORM | {field: value})
    assert answer.status_code == 200
    assert sentence in str(answer.context["adminform"].form.errors[field].as_text())
    assert not MonitoredSystem.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_button_says_what_works_and_what_does_not(alice: Client, guardian: GuardianServer) -> None:
    row = make(health_url=f"{guardian.url}/health", stats_url=f"{guardian.url}/stats")
    assert "health: works. stats: works." in press(alice, row, "ask")
    MonitoredSystem.objects.update(prometheus_url=f"http://127.0.0.1:{free_port()}", credentials="")
    told = press(alice, row, "ask")
    assert "health: The health address answered with status 401" in told
    assert "cannot be reached" in told
    assert TOKEN not in told
    MonitoredSystem.objects.update(health_url="", stats_url="", prometheus_url="")
    assert "no address that could be asked" in press(alice, row, "ask")


def test_alice_adds_a_query_with_its_names(alice: Client) -> None:
    row = make(prometheus_url=f"http://127.0.0.1:{free_port()}")
    entered = {"system": str(row.pk), "name": "traffic", "promql": "up", "word_lines": "трафик\n\ntráfego\nтрафик"}
    assert alice.post(ADD_QUERY, entered).status_code == 302
    query = NamedQuery.objects.get()
    assert query.words == ["трафик", "tráfego"]
    assert "cannot be reached" in press(alice, query, "attempt")
    wrong = alice.post(ADD_QUERY, entered | {"name": "b", "word_lines": "x" * 201})
    assert "200 visible" in str(wrong.context["adminform"].form.errors["word_lines"])


def test_bob_looks_and_changes_nothing(bob: Client) -> None:
    row = make(labels={"system": "guardian"})
    query = NamedQuery.objects.create(system=row, name="traffic", promql="up")
    shown = bob.get(page(row)).content.decode()
    assert "http://10.0.0.7:8001/health" in shown
    assert TOKEN not in shown
    assert bob.post(page(row), FORM | {"title": "x"}).status_code == 403
    assert bob.post(ADD, FORM).status_code == bob.post(ADD_QUERY, {}).status_code == 403
    for made, name in ((row, "ask"), (query, "attempt")):
        url = reverse(f"admin:runbooks_{made._meta.model_name}_press", args=[made.pk, name])
        assert bob.post(url).status_code == 403


def test_charlie_sees_nothing(charlie: Client) -> None:
    row = make()
    for url in (page(row), ADD, ADD_QUERY, reverse("admin:runbooks_monitoredsystem_changelist")):
        assert charlie.get(url).status_code == 302


def test_it_is_removed_with_all_that_belongs_to_it(alice: Client) -> None:
    row = make()
    NamedQuery.objects.create(system=row, name="traffic", promql="up")
    SystemReading.objects.create(system=row, source="health")
    now = timezone.now()
    Anomaly.objects.create(system=row, query="traffic", title="t", kind="drop", started_at=now, seen_at=now)
    alice.post(reverse("admin:runbooks_monitoredsystem_delete", args=[row.pk]), {"post": "yes"})
    assert not MonitoredSystem.objects.exists()
    assert AuditEvent.objects.filter(action="monitoredsystem.delete").count() == 1
