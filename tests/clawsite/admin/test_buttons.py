"""Buttons do what they say for who may press them, leave an audit row, and do nothing on a GET."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from clawsite.core.models import AuditEvent, User
from guardrails.models import Approval, VerdictRecord
from sessions_app.models import Fact, GroupAccess, Inbox, Message, Outbox, Pairing, Session, Turn
from sessions_app.purge import REMOVE
from tests.clawsite.admin.rows import Rows

pytestmark = pytest.mark.django_db(transaction=True)


def url(name: str, pk: object, button: str) -> str:
    return reverse(f"admin:{name}_press", args=[pk, button])


def press(client: Client, name: str, pk: object, button: str, **data: str) -> str:
    """Press a button and return what the next page says."""
    answer = client.post(url(name, pk, button), data)
    assert answer.status_code == 302, answer.content[:200]
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def events(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action))


def every_button(rows: Rows) -> list[str]:
    return [
        url("sessions_app_pairing", rows.pairing.pk, "approve"),
        url("sessions_app_pairing", rows.pairing.pk, "deny"),
        url("sessions_app_contact", rows.stranger.pk, "approve"),
        url("sessions_app_contact", rows.contact.pk, "block"),
        url("sessions_app_groupaccess", rows.group.pk, "allow"),
        url("sessions_app_channel", rows.channel.pk, "test"),
        url("sessions_app_channel", rows.channel.pk, "disable"),
        url("sessions_app_inbox", rows.dead.pk, "replay"),
        url("sessions_app_outbox", rows.outbox.pk, "replay"),
        url("sessions_app_fact", rows.fact.pk, "forget"),
        url("sessions_app_promptlayer", rows.layer.pk, "reset"),
        url("sessions_app_session", rows.session.pk, "purge"),
        url("guardrails_approval", rows.approval.pk, "approve"),
        url("runbooks_job", rows.job.pk, "again"),
        url("runbooks_job", rows.job.pk, "cancel"),
        url("runbooks_job", rows.job.pk, "start"),
        url("runbooks_schedule", rows.schedule.pk, "run"),
        url("runbooks_schedule", rows.schedule.pk, "remove"),
        url("clawsite_gatewaytoken", rows.token.pk, "rotate"),
        url("clawsite_gatewaytoken", rows.token.pk, "revoke"),
        url("clawsite_gatewaydevice", rows.device.pk, "approve"),
        url("clawsite_gatewaydevice", rows.device.pk, "deny"),
        url("clawsite_gatewaydevice", rows.device.pk, "block"),
    ]


def test_who_may_only_look_presses_nothing(bob: Client, charlie: Client, rows: Rows) -> None:
    before = AuditEvent.objects.count()
    for address in every_button(rows):
        assert bob.post(address, {"confirmed": "1", "role": "admin"}).status_code == 403, address
        for client in (charlie, Client()):
            assert client.post(address, {"confirmed": "1"})["Location"].startswith("/admin/login/"), address
    assert AuditEvent.objects.count() == before
    page = bob.get(reverse("admin:sessions_app_pairing_change", args=[rows.pairing.pk])).content.decode()
    assert "/do/" not in page
    assert "/do/" not in bob.get(reverse("admin:sessions_app_pairing_changelist")).content.decode()


def test_no_button_works_by_a_link_or_without_its_form(alice: Client, rows: Rows) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = alice.cookies
    for address in every_button(rows):
        assert alice.get(address).status_code == 405, address
        assert strict.post(address).status_code == 403, address
    assert Session.objects.filter(pk=rows.session.pk).exists()


def test_unknown_buttons_and_rows_are_not_found(alice: Client, rows: Rows) -> None:
    assert alice.post(url("sessions_app_inbox", rows.dead.pk, "press")).status_code == 404
    assert alice.post(url("sessions_app_inbox", rows.dead.pk, "delete_model")).status_code == 404
    assert alice.post(url("sessions_app_inbox", 987654, "replay")).status_code == 404


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_a_pairing_is_approved_with_a_role(alice: Client, rows: Rows, role: str) -> None:
    said = press(alice, "sessions_app_pairing", rows.pairing.pk, "approve", role=role)
    rows.stranger.refresh_from_db()
    assert (rows.stranger.state, rows.stranger.role) == ("approved", role)
    assert "may talk to the bot now" in said
    event = events("contact.approve")[0]
    user = User.objects.get(username="alice")
    assert (event.actor, event.subject, event.origin) == (f"user:{user.pk}", rows.stranger.subject, "127.0.0.1")
    again = press(alice, "sessions_app_pairing", rows.pairing.pk, "deny")
    assert "unknown, used or too old" in again
    rows.stranger.refresh_from_db()
    assert rows.stranger.state == "approved"


def test_a_made_up_role_is_refused(alice: Client, rows: Rows) -> None:
    assert "no role" in press(alice, "sessions_app_pairing", rows.pairing.pk, "approve", role="king")
    rows.stranger.refresh_from_db()
    assert rows.stranger.state == "pending"


def test_the_list_approves_as_viewer_and_comes_back_to_the_list(alice: Client, rows: Rows) -> None:
    answer = alice.post(url("sessions_app_pairing", rows.pairing.pk, "approve") + "?back=list")
    assert answer["Location"] == reverse("admin:sessions_app_pairing_changelist")
    rows.stranger.refresh_from_db()
    assert (rows.stranger.state, rows.stranger.role) == ("approved", "viewer")


def test_contacts_are_let_in_changed_and_shut_out(alice: Client, rows: Rows) -> None:
    pk = rows.stranger.pk
    press(alice, "sessions_app_contact", pk, "approve", role="viewer")
    assert not Pairing.objects.filter(contact=rows.stranger, decided_at=None).exists()
    press(alice, "sessions_app_contact", pk, "change_role", role="operator")
    rows.stranger.refresh_from_db()
    assert rows.stranger.role == "operator"
    press(alice, "sessions_app_contact", pk, "block")
    rows.stranger.refresh_from_db()
    assert rows.stranger.state == "blocked"
    assert [len(events(action)) for action in ("contact.approve", "contact.block")] == [2, 1]


def test_a_contact_is_linked_to_an_account(alice: Client, rows: Rows) -> None:
    user = User.objects.get(username="alice")
    address = reverse("admin:sessions_app_contact_change", args=[rows.contact.pk])
    assert alice.post(address, {"user": user.pk, "role": "admin", "state": "blocked"}).status_code == 302
    rows.contact.refresh_from_db()
    assert (rows.contact.user_id, rows.contact.state) == (user.pk, "approved")
    assert events("contact.link")[0].data == {"user": user.pk}


def test_staff_who_may_change_contacts_still_decide_about_nobody(bob: Client, bob_user: User, rows: Rows) -> None:
    bob_user.user_permissions.add(Permission.objects.get(codename="change_contact"))
    assert "Only an admin" in press(bob, "sessions_app_pairing", rows.pairing.pk, "approve", role="admin")
    assert "Only an admin" in press(bob, "sessions_app_contact", rows.stranger.pk, "approve", role="admin")
    address = reverse("admin:sessions_app_contact_change", args=[rows.contact.pk])
    assert bob.post(address, {"user": bob_user.pk}).status_code == 403
    rows.stranger.refresh_from_db()
    assert rows.stranger.state == "pending"


def test_groups_are_allowed_and_forbidden(alice: Client, rows: Rows) -> None:
    press(alice, "sessions_app_groupaccess", rows.group.pk, "allow")
    assert GroupAccess.objects.filter(pk=rows.group.pk, allowed=True).exists()
    press(alice, "sessions_app_groupaccess", rows.group.pk, "forbid")
    assert GroupAccess.objects.filter(pk=rows.group.pk, allowed=False).exists()
    assert [len(events(action)) for action in ("group.allow", "group.forbid")] == [1, 1]
    address = reverse("admin:sessions_app_groupaccess_change", args=[rows.group.pk])
    assert alice.post(address, {"members": [rows.contact.pk]}).status_code == 302
    assert list(rows.group.members.all()) == [rows.contact]
    assert events("group.change")[0].data == {"fields": ["members"]}


def test_dead_letters_are_tried_again(alice: Client, rows: Rows) -> None:
    press(alice, "sessions_app_inbox", rows.dead.pk, "replay")
    press(alice, "sessions_app_outbox", rows.outbox.pk, "replay")
    rows.dead.refresh_from_db()
    rows.outbox.refresh_from_db()
    assert (rows.dead.state, rows.dead.attempts, rows.dead.error) == (Inbox.State.NEW, 0, "")
    assert (rows.outbox.state, rows.outbox.attempts) == (Outbox.State.NEW, 0)
    assert "Only what was given up" in press(alice, "sessions_app_inbox", rows.dead.pk, "replay")
    assert [len(events(action)) for action in ("inbox.replay", "outbox.replay")] == [1, 1]


@pytest.mark.parametrize("name", ["inbox", "outbox", "fact"])
def test_what_cannot_be_recorded_is_not_done(
    alice: Client, rows: Rows, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the process ends here")

    monkeypatch.setattr("clawsite.admin.base.audit.record", fail)
    row: Any = {"inbox": rows.dead, "outbox": rows.outbox, "fact": rows.fact}[name]
    button = "forget" if name == "fact" else "replay"
    before = row.state
    with pytest.raises(RuntimeError):
        alice.post(url(f"sessions_app_{name}", row.pk, button))
    row.refresh_from_db()
    assert row.state == before


def test_a_fact_is_forgotten_with_its_text(alice: Client, rows: Rows) -> None:
    press(alice, "sessions_app_fact", rows.fact.pk, "forget")
    assert Fact.objects.get(pk=rows.fact.pk).text == "(forgotten)"
    assert "already" in press(alice, "sessions_app_fact", rows.fact.pk, "forget")
    assert len(events("fact.forget")) == 1


@pytest.mark.parametrize(("name", "state"), [("approve", "approved"), ("reject", "rejected")])
def test_a_request_is_decided_once(alice: Client, rows: Rows, name: str, state: str) -> None:
    press(alice, "guardrails_approval", rows.approval.pk, name)
    rows.approval.refresh_from_db()
    user = User.objects.get(username="alice")
    assert (rows.approval.state, rows.approval.decided_by) == (state, f"user:{user.pk}")
    assert "decided already" in press(alice, "guardrails_approval", rows.approval.pk, "approve")


def test_an_operator_decides_what_operators_may(bob: Client, bob_user: User, rows: Rows) -> None:
    bob_user.user_permissions.add(Permission.objects.get(codename="change_approval"))
    Approval.objects.update(role="admin")
    assert "may not decide" in press(bob, "guardrails_approval", rows.approval.pk, "approve")
    Approval.objects.update(role="operator")
    press(bob, "guardrails_approval", rows.approval.pk, "approve")
    rows.approval.refresh_from_db()
    assert (rows.approval.state, rows.approval.decided_by) == ("approved", f"user:{bob_user.pk}")


def test_a_request_that_is_too_old_is_not_decided(alice: Client, rows: Rows) -> None:
    Approval.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "too old" in press(alice, "guardrails_approval", rows.approval.pk, "approve")


def test_a_conversation_goes_with_all_that_hangs_on_it_after_a_question(alice: Client, rows: Rows) -> None:
    folder = project.MEDIA_ROOT / str(rows.session.pk)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1").write_bytes(b"secret plan")
    address = url("sessions_app_session", rows.session.pk, "purge")
    question = alice.post(address)
    assert question.status_code == 200
    assert "for good" in question.content.decode()
    assert Session.objects.filter(pk=rows.session.pk).exists()
    assert alice.post(address, {"confirmed": "1"})["Location"] == reverse("admin:sessions_app_session_changelist")
    for model in (Session, Message, Turn, Fact):
        assert not model._default_manager.exists(), model
    assert not VerdictRecord.objects.filter(session_ref=rows.session.ref).exists()
    assert not Inbox.objects.filter(pk=rows.inbox.pk).exists()
    assert not folder.exists()
    tasks = [task.task["args"] for task in OrmQ.objects.all() if task.func() == REMOVE]
    assert tasks == [(rows.session.pk,)]  # should the process die before it removes the files
    assert Approval.objects.filter(pk=rows.approval.pk).exists()
    event = events("session.purge")[0]
    assert (event.subject, event.data) == (rows.session.ref, {"messages": 2})


def test_a_conversation_that_is_being_answered_stays(alice: Client, rows: Rows) -> None:
    Turn.objects.update(state=Turn.State.RUNNING)
    said = press(alice, "sessions_app_session", rows.session.pk, "purge", confirmed="1")
    assert "answering" in said
    assert Session.objects.filter(pk=rows.session.pk).exists()


def test_a_layer_gets_its_first_text_back(alice: Client, rows: Rows) -> None:
    original = rows.layer.text
    rows.layer.text, rows.layer.budget = "Be rude.", 1
    rows.layer.save()
    press(alice, "sessions_app_promptlayer", rows.layer.pk, "reset", confirmed="1")
    rows.layer.refresh_from_db()
    assert (rows.layer.text, rows.layer.budget) == (original, 200)
    assert len(events("promptlayer.reset")) == 1
