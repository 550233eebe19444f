"""The pages of alerts, silences, subscriptions and who is on call."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from clawsite.core.models import AuditEvent
from runbooks.models import AlertGroup, AlertSilence, AlertSubscription, AlertWebhook, EscalationPolicy, Rota, Swap
from tests.clawsite.admin.rows import Rows

pytestmark = pytest.mark.django_db


def press(client: Client, model: str, pk: object, name: str, **data: str) -> int:
    return client.post(reverse(f"admin:runbooks_{model}_press", args=[pk, name]), data, follow=True).status_code


def inline(prefix: str, *rows: dict[str, str]) -> dict[str, str]:
    """Return the form of rows below a row."""
    told = {f"{prefix}-TOTAL_FORMS": str(len(rows)), f"{prefix}-INITIAL_FORMS": "0"}
    return told | {f"{prefix}-{n}-{key}": value for n, row in enumerate(rows) for key, value in row.items()}


def test_alice_takes_an_alert_on_lets_go_and_silences_it(alice: Client, rows: Rows) -> None:
    group = AlertGroup.objects.get()
    press(alice, "alertgroup", group.pk, "take")
    group.refresh_from_db()
    assert group.acked_name == "alice"
    press(alice, "alertgroup", group.pk, "let_go")
    silence = AlertSilence.objects.get()
    press(alice, "alertsilence", silence.pk, "undo")
    silence.refresh_from_db()
    assert silence.state in ("undoing", "undone")
    press(alice, "alertgroup", group.pk, "silence", hours="4")
    newest = AlertSilence.objects.order_by("-id").first()
    assert newest is not None
    assert (newest.ends_at - newest.starts_at).total_seconds() == 4 * 3600
    page = alice.get(reverse("admin:runbooks_alertgroup_change", args=[group.pk])).content.decode()
    assert "alice let go of it" in page


@pytest.mark.parametrize(
    ("model", "name"),
    [("alertgroup", "take"), ("alertgroup", "silence"), ("alertsilence", "undo"), ("alertwebhook", "replay")],
)
def test_bob_looks_and_charlie_does_not(bob: Client, charlie: Client, rows: Rows, model: str, name: str) -> None:
    pk = rows.alerts[f"runbooks_{model}"]
    before = list(AlertGroup.objects.values()), list(AlertSilence.objects.values()), list(AlertWebhook.objects.values())
    assert press(bob, model, pk, name) == 403
    assert "login" in charlie.post(reverse(f"admin:runbooks_{model}_press", args=[pk, name]))["Location"]
    after = list(AlertGroup.objects.values()), list(AlertSilence.objects.values()), list(AlertWebhook.objects.values())
    assert after == before


def test_a_delivery_that_was_given_up_is_worked_on_again(alice: Client, rows: Rows) -> None:
    pk = rows.alerts["runbooks_alertwebhook"]
    press(alice, "alertwebhook", pk, "replay")
    assert AlertWebhook.objects.get(pk=pk).state == "new"
    assert AuditEvent.objects.filter(action="alertwebhook.replay").count() == 1


def test_a_rota_is_made_with_its_shifts_and_swaps(alice: Client, rows: Rows) -> None:
    who = str(rows.alerts["runbooks_responder"])
    shift = {"responder": who, "days": '["monday"]', "starts": "22:00", "ends": "06:00", "every_weeks": "1"}
    swap = {
        "responder": who, "starts_at_0": "2026-06-01", "starts_at_1": "22:00", "ends_at_0": "2026-06-02",
        "ends_at_1": "06:00",
    }  # fmt: skip
    form = {"name": "nights", "time_zone": "Europe/Berlin"}
    form |= inline("shifts", shift | {"first_day": "2026-06-01"}) | inline("swaps", swap)
    answer = alice.post(reverse("admin:runbooks_rota_add"), form)
    assert answer.status_code == 302, answer.content.decode()
    rota = Rota.objects.get(name="nights")
    assert (rota.shifts.count(), rota.swaps.get().created_by[:5]) == (1, "user:")
    bad = (
        {"name": "moon", "time_zone": "Moon/Base"} | inline("shifts", shift | {"days": '["someday"]'}) | inline("swaps")
    )
    text = alice.post(reverse("admin:runbooks_rota_add"), bad).content.decode()
    assert "America/Sao_Paulo" in text
    assert "Name at least one of" in text
    assert Swap.objects.count() == 2


def test_a_rota_that_was_swapped_for_years_fits_a_form(alice: Client, rows: Rows) -> None:
    rota, now = Rota.objects.get(), timezone.now()

    def swap(days: int) -> Swap:
        ends = now + timedelta(days=days)
        return Swap(
            rota=rota, responder_id=rows.alerts["runbooks_responder"], starts_at=ends - timedelta(hours=8), ends_at=ends
        )

    Swap.objects.all().delete()
    Swap.objects.bulk_create(swap(-2 - number) for number in range(200))
    to_come = swap(1)
    to_come.save()
    page = alice.get(reverse("admin:runbooks_rota_change", args=[rota.pk]))
    (formset,) = (each.formset for each in page.context["inline_admin_formsets"] if each.formset.prefix == "swaps")
    assert [form.instance for form in formset.initial_forms] == [to_come]
    assert len(set(re.findall(r'name="([^"]+)"', page.content.decode()))) < 100


def test_who_is_on_call_is_not_changed_without_an_audit_row(alice: Client, rows: Rows) -> None:
    """The shifts, swaps and steps decide it, and not one field of the row above them need be another one."""
    who, rota = str(rows.alerts["runbooks_responder"]), Rota.objects.get()
    swap = {"rota": str(rota.pk), "responder": who, "starts_at_0": "2026-06-01", "starts_at_1": "22:00"}
    swap |= {"ends_at_0": "2026-06-02", "ends_at_1": "06:00"}
    form = {"name": rota.name, "time_zone": rota.time_zone} | inline("shifts") | inline("swaps", swap)
    assert alice.post(reverse("admin:runbooks_rota_change", args=[rota.pk]), form).status_code == 302
    event = AuditEvent.objects.get(action="rota.change", subject=f"rota:{rota.pk}")
    assert (event.actor[:5], event.data) == ("user:", {"fields": ["swaps"]})

    policy = EscalationPolicy.objects.get()
    step = policy.steps.get()
    given = {
        "id": str(step.pk),
        "policy": str(policy.pk),
        "order": str(step.order),
        "after_minutes": "5",
        "DELETE": "on",
    }
    form = {
        "name": policy.name, "order": str(policy.order), "least": policy.least, "matchers": "[]",
        "initial-matchers": "[]",
        "repeats": str(policy.repeats), "remind_minutes": str(policy.remind_minutes), "enabled": "on",
    } | inline("steps", given) | {"steps-INITIAL_FORMS": "1"}  # fmt: skip
    assert alice.post(reverse("admin:runbooks_escalationpolicy_change", args=[policy.pk]), form).status_code == 302
    assert not policy.steps.exists()
    assert AuditEvent.objects.get(action="escalationpolicy.change").data == {"fields": ["steps"]}


def test_a_policy_has_steps_that_name_a_rota_or_a_person(alice: Client, rows: Rows) -> None:
    form = {
        "name": "p", "order": "1", "enabled": "on", "least": "critical", "matchers": '["a=b"]', "repeats": "5",
        "remind_minutes": "30",
    }  # fmt: skip
    step = {"order": "1", "after_minutes": "5", "rota": str(rows.alerts["runbooks_rota"])}
    both = step | {"responder": str(rows.alerts["runbooks_responder"])}
    url = reverse("admin:runbooks_escalationpolicy_add")
    assert "Choose a rota or a person" in alice.post(url, form | inline("steps", both)).content.decode()
    assert alice.post(url, form | {"repeats": "6"} | inline("steps", step)).status_code == 200
    assert alice.post(url, form | inline("steps", step)).status_code == 302
    assert EscalationPolicy.objects.get(name="p").steps.count() == 1


def test_a_chat_is_subscribed_by_who_may(alice: Client, rows: Rows) -> None:
    form = {"session": str(rows.session.pk), "least": "critical", "matchers": '["team"]', "enabled": "on"}
    url = reverse("admin:runbooks_alertsubscription_add")
    assert "is not a condition" in alice.post(url, form).content.decode()
    assert alice.post(url, form | {"matchers": '["team=a"]'}).status_code == 302
    row = AlertSubscription.objects.order_by("-id").first()
    assert row is not None
    assert (row.matchers, row.created_by[:5]) == (["team=a"], "user:")
