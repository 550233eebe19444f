"""The card of an incident: how it stands, what happened last, and buttons that go on from there.

Everything is plain text: titles and notes are what somebody wrote, or what an alert brought from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from django.utils.translation import gettext as _

from bots.cards.registry import CardView
from bots.cards.times import clock
from bots.channels.base import Button, OutboundMessage
from bots.commands.base import command_button
from bots.commands.figures import show_tree

MARKS = {"P1": "🔴", "P2": "🟠", "P3": "🟡", "P4": "🔵"}
RESOLVED = "✅"


def render(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message of an incident."""
    lines = show_tree(headline(data), _facts(data, view.zone))
    told = [event_line(event, view.zone, beside=data["opened_at"]) for event in data["events"]]
    text = "\n".join([*lines, *(["", *told] if told else [])])
    return OutboundMessage(text=text, plain=True, buttons=_buttons(data))


def headline(data: Mapping[str, Any]) -> str:
    """Return an incident in one line: 🔴 INC-12 · P1 · API is slow."""
    mark = MARKS[data["severity"]] if data["state"] == "open" else RESOLVED
    return f"{mark} {data['number']} · {data['severity']} · {data['title']}"


def _facts(data: Mapping[str, Any], zone: tzinfo) -> list[str]:
    opened = clock(data["opened_at"], zone)
    if data["resolved_at"]:
        state = _("Resolved: {time} (opened {opened})").format(
            time=clock(data["resolved_at"], zone, beside=data["opened_at"]), opened=opened
        )
    else:
        state = _("Open since {time}").format(time=opened)
    system = [_("System: {name}").format(name=data["system"])] if data["system"] else []
    return [
        *system,
        state,
        _("Reported by: {name}").format(name=data["reporter"]),
        _("On it: {name}").format(name=data["assignee"] or _("nobody yet")),
    ]


def event_line(event: Mapping[str, Any], zone: tzinfo, *, beside: str) -> str:
    """Return one event of a timeline in one line; its day only when it is not that of `beside`."""
    return f"{clock(event['at'], zone, beside=beside)} {describe_event(event)}"


def describe_event(event: Mapping[str, Any]) -> str:
    """Say what happened; of a kind that is not known here, its text."""
    words = {
        "opened": _("opened by {who}"),
        "note": _("{who}: {text}"),
        "assigned": _("{text} is on it"),
        "severity": _("severity {text} ({who})"),
        "resolved": _("resolved by {who}"),
        "reopened": _("opened again by {who}"),
        "alert_opened": _("alert: {text}"),
        "alert_reopened": _("alert again: {text}"),
        "alert_raised": _("alert got worse: {text}"),
        "alert_resolved": _("alert over: {text}"),
        "alert_vanished": _("alert over, because Alertmanager no longer has it: {text}"),
        "alert_lost": _("alert taken for over, because for more than a week there was no news of it: {text}"),
        "alert_acked": _("{who} acknowledged: {text}"),
        "alert_unacked": _("{who} let go: {text}"),
        "alert_silenced": _("{who} silenced: {text}"),
        "alert_unsilenced": _("silence taken back: {text}"),
        "alert_escalated": _("{who} was called: {text}"),
        "run": _("{who} started the runbook {text}"),
        "run_done": _("the runbook {text} is done"),
        "run_failed": _("the runbook failed: {text}"),
        "run_cancelled": _("the runbook {text} was cancelled"),
    }
    said = words.get(event["kind"], "{text}").format(who=event["who"], text=event["text"])
    return f"{said}: {event['text']}" if event["kind"] in ("resolved", "reopened") and event["text"] else said


def _buttons(data: Mapping[str, Any]) -> tuple[tuple[Button, ...], ...]:
    number = data["id"]
    if data["state"] == "open":
        rows = [
            [("🙋 " + _("I take it"), f"assign {number} me"), ("📝 " + _("Note"), f"note {number}")],
            [("✅ " + _("Resolve"), f"resolve {number}"), ("📄 " + _("Report"), f"postmortem {number}")],
        ]
    else:
        rows = [[("📄 " + _("Report"), f"postmortem {number}"), ("↩️ " + _("Reopen"), f"reopen {number}")]]
    made = [[command_button(label, "incident", line) for label, line in row] for row in rows]
    return tuple(tuple(button for button in row if button is not None) for row in made)
