"""The story of an alert in words, event by event."""

from __future__ import annotations

from datetime import tzinfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.cards.alert import severity_word
from bots.cards.times import clock
from runbooks.models import AlertEvent


def event_line(event: AlertEvent, zone: tzinfo) -> str:
    """Return one event in one line."""
    return f"{clock(event.at.isoformat(), zone)} {describe_event(event, zone)}"


def describe_event(event: AlertEvent, zone: tzinfo) -> str:
    """Say what happened; of a kind that is not known here, its text."""
    data = event.data
    values = {
        "who": event.actor,
        "text": event.text,
        "alerts": _alerts(data.get("alerts", 0)),
        "severity": severity_word(data["severity"]) if "severity" in data else "",
        "until": clock(data["until"], zone) if "until" in data else "",
        "why": _why(data.get("why", "")),
        "number": data.get("number", 0),
    }
    return _template(event.kind).format(**values).strip()


def _alerts(count: int) -> str:
    return ngettext("{count} alert", "{count} alerts", count).format(count=count)


def _why(word: str) -> str:
    known = {
        "silenced": _("it is silenced"),
        "nobody": _("nobody is on call"),
        "not approved": _("not let in"),
        "channel off": _("the channel is switched off"),
        "quiet hours": _("quiet hours"),
    }
    return known.get(word, word)


def _template(kind: str) -> str:
    words = {
        "opened": _("fires: {alerts}, {severity}"),
        "reopened": _("fires again: {alerts}, {severity}"),
        "lost": _("taken for over: for more than a week there was no news of it"),
        "raised": _("is worse now: {severity}"),
        "added": _("{alerts} more"),
        "partly_resolved": _("{alerts} resolved, others still fire"),
        "resolved": _("resolved"),
        "vanished": _("over: the Alertmanager of {text} has not listed it for minutes, and never sent its end"),
        "acked": _("{who} has it"),
        "unacked": _("{who} let go of it"),
        "silenced": _("silenced by {who} until {until}"),
        "silence_failed": _("the silence failed: {text}"),
        "unsilenced": _("silence undone by {who}"),
        "held": _("held back until {until} (quiet hours)"),
        "stormed": _("shown as part of a storm"),
        "escalating": _("escalation begins: {text}"),
        "escalated": _("{who} was called ({text})"),
        "skipped": _("nobody called for {text}: {why}"),
        "escalation_ended": _("all steps of the escalation are done: {text}"),
        "escalation_stopped": _("the escalation ends"),
        "escalation_failed": _("the escalation {text} was given up: calling failed again and again"),
        "remind_failed": _("reminding was given up: it failed again and again"),
        "show_failed": _("could not be shown after the quiet hours"),
        "reminded": _("{who} was reminded ({number})"),
    }
    return words.get(kind, "{text} {who}")
