"""A row of everything about alerts, with text that would do harm if a page took it for markup."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from runbooks.alerts import escalation, silencing
from runbooks.alerts.store import store_webhook
from runbooks.alerts.subscriptions import subscribe
from runbooks.models import AlertGroup, AlertWebhook, Heartbeat, Rota, Swap
from sessions_app.models import Contact, Session
from tests.runbooks.alerts.deliveries import One, fire
from tests.runbooks.alerts.oncall import policy, responder, shift


def make_alert_rows(session: Session, contact: Contact, evil: str) -> dict[str, int]:
    """Create everything; return the primary keys by the models' names in the admin's addresses."""
    now = timezone.now()
    rota = Rota.objects.create(name="night")
    who = responder(Contact.objects.create(channel=session.channel, external_id="9", name="dana", state="approved"))
    shift(rota, who, "00:00", "00:00")
    Swap.objects.create(rota=rota, responder=who, starts_at=now, ends_at=now + timedelta(hours=1))
    rules = policy((5, rota), repeats=1)
    subscription = subscribe(session, actor=contact.actor, matchers=[f"team!={evil}"])
    hostile = One(labels={"team": evil}, annotations={"summary": evil, "description": evil})
    fire(hostile, One(instance=evil), at=now)
    fire(One(name="Watchdog", instance=evil, severity="none"), at=now)
    group = AlertGroup.objects.get()
    running = group.escalations.get()
    silence = silencing.silence(group.pk, length=timedelta(hours=1), actor=contact.actor)
    escalation.begin(group, now=now)
    bad = store_webhook(f'{{"text": "{evil}"}}')
    AlertWebhook.objects.filter(pk=bad).update(state="bad", outcome=evil)
    return {
        "runbooks_alertgroup": group.pk,
        "runbooks_alertsilence": silence.pk,
        "runbooks_alertsubscription": subscription.pk,
        "runbooks_alertwebhook": bad,
        "runbooks_heartbeat": Heartbeat.objects.get().pk,
        "runbooks_responder": who.pk,
        "runbooks_rota": rota.pk,
        "runbooks_escalationpolicy": rules.pk,
        "runbooks_escalation": running.pk,
    }
