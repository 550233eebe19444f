"""The pages of incidents and of the systems that follow them."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from clawsite.core.models import AuditEvent
from runbooks import incidents
from runbooks.models import Incident, IncidentHook
from tests.runbooks.incidents.receiver import SECRET, Receiver
from tests.runbooks.people import BOB

pytestmark = pytest.mark.django_db
ADD = "admin:runbooks_incidenthook_add"
FORM = {"name": "tickets", "enabled": "on", "url": "http://127.0.0.1:9/in", "least": "P4"}


def press(client: Client, model: str, pk: int, name: str, **data: str) -> tuple[int, str]:
    answer = client.post(reverse(f"admin:runbooks_{model}_press", args=[pk, name]), data, follow=True)
    return answer.status_code, answer.content.decode()


def opened() -> Incident:
    return incidents.open_incident("API is slow", actor=BOB, severity="P1")


def test_alice_takes_and_ends_an_incident(alice: Client) -> None:
    incident = opened()
    press(alice, "incident", incident.pk, "take")
    press(alice, "incident", incident.pk, "resolve", confirmed="yes")
    incident.refresh_from_db()
    assert (incident.state, incident.assignee_name) == ("resolved", "alice")
    shown = alice.get(reverse("admin:runbooks_incident_change", args=[incident.pk])).content.decode()
    assert "resolved by alice" in shown
    press(alice, "incident", incident.pk, "reopen")
    assert Incident.objects.get().is_open


@pytest.mark.parametrize("term", ["INC-{pk}", "inc-{pk}", "{pk}", "slow"])
def test_one_is_found_by_its_number_or_a_word(alice: Client, term: str) -> None:
    incident, other = opened(), incidents.open_incident("Disk is full", actor=BOB, severity="P2")
    page = alice.get(reverse("admin:runbooks_incident_changelist"), {"q": term.format(pk=incident.pk)}).content.decode()
    assert f"INC-{incident.pk}<" in page
    assert f"INC-{other.pk}<" not in page


@pytest.mark.parametrize("name", ["take", "resolve", "reopen"])
def test_bob_looks_and_charlie_does_not(bob: Client, charlie: Client, name: str) -> None:
    incident = opened()
    assert press(bob, "incident", incident.pk, name, confirmed="yes")[0] == 403
    assert "login" in charlie.post(reverse("admin:runbooks_incident_press", args=[incident.pk, name]))["Location"]
    assert Incident.objects.get().last_seq == 1


def test_a_hook_is_made_and_its_secret_is_never_seen_again(alice: Client) -> None:
    assert alice.post(reverse(ADD), FORM | {"new_secret": SECRET}).status_code == 302
    hook = IncidentHook.objects.get()
    assert str(hook.secret) == SECRET
    page = reverse("admin:runbooks_incidenthook_change", args=[hook.pk])
    assert alice.post(page, FORM | {"least": "P2"}).status_code == 302
    hook = IncidentHook.objects.get()
    assert (str(hook.secret), hook.least) == (SECRET, "P2")
    assert SECRET not in alice.get(page).content.decode()
    assert SECRET not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("new_secret", "short", "at least 16 characters"),
        ("new_secret", "", "at least 16 characters"),
        ("url", "ftp://tickets", "Only http and https"),
        ("url", "http://me:secret@tickets/", "without a password"),
    ],
)
def test_each_wrong_field_has_its_sentence(alice: Client, field: str, value: str, sentence: str) -> None:
    answer = alice.post(reverse(ADD), FORM | {"new_secret": SECRET} | {field: value})
    assert sentence in str(answer.context["adminform"].form.errors[field])
    assert not IncidentHook.objects.exists()


def test_only_admins_touch_hooks(bob: Client, charlie: Client) -> None:
    hook = IncidentHook.objects.create(name="tickets", url="http://127.0.0.1:9", secret=SECRET)
    page = reverse("admin:runbooks_incidenthook_change", args=[hook.pk])
    for client in (bob, charlie):
        client.post(page, FORM | {"url": "http://127.0.0.1:10"})
        client.post(reverse(ADD), FORM | {"name": "mine", "new_secret": SECRET})
    assert press(bob, "incidenthook", hook.pk, "test")[0] == 403
    assert IncidentHook.objects.get().url == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example:8443/services/T0KEN/B0?key=T0KEN", "https://hooks.example:8443/…"),
        ("https://hooks.example?key=T0KEN", "https://hooks.example/…"),
        ("https://hooks.example/", "https://hooks.example"),
    ],
)
def test_only_admins_see_a_whole_address(alice: Client, bob: Client, url: str, shown: str) -> None:
    hook = IncidentHook.objects.create(name="tickets", url=url, secret=SECRET)
    listed = reverse("admin:runbooks_incidenthook_changelist")
    for page in (listed, reverse("admin:runbooks_incidenthook_change", args=[hook.pk])):
        told = bob.get(page).content.decode()
        assert shown in told
        assert "T0KEN" not in told
        assert escape(url) in alice.get(page).content.decode()
    assert "tickets" not in bob.get(listed, {"q": "services"}).content.decode().partition("<tbody")[2]


@pytest.mark.django_db(transaction=True)
def test_the_way_is_tried_by_a_button(alice: Client) -> None:
    with Receiver().running() as receiver:
        hook = receiver.hook()
        assert "The test was accepted." in press(alice, "incidenthook", hook.pk, "test")[1]
        receiver.statuses = [500]
        assert "answered with status 500" in press(alice, "incidenthook", hook.pk, "test")[1]
    assert receiver.deliveries() == ["test"]
