"""The card of a group of alerts: how bad, what, where, since when, what to do, and who has it.

Everything is plain text: titles and labels come from outside, and nothing in them may be markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.cards.registry import CardView
from bots.cards.times import clock, length
from bots.channels.base import Button, OutboundMessage
from bots.commands.base import command_button
from bots.reasons import say_reason

ICONS = {"critical": "🚨", "warning": "⚠️", "info": "ℹ️"}
DOTS = {"critical": "🔴", "warning": "🟡", "info": "🔵"}
RESOLVED = "✅"
TEXT_CHARS = 3500
_LENGTHS = ("1h", "4h", "24h")


def render(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message of a group."""
    return OutboundMessage(text=describe(data, view), plain=True, buttons=buttons(data))


def severity_word(severity: str) -> str:
    """Return a severity as it stands in front of a title."""
    return {"critical": _("CRITICAL"), "warning": _("WARNING"), "info": _("INFO")}[severity]


def headline(data: Mapping[str, Any]) -> str:
    """Return a group in one line: 🚨 CRITICAL: Zero transactions detected."""
    if data["state"] == "resolved":
        word = _("RESOLVED")
        return f"{RESOLVED} {word}: {title(data)}"
    return f"{ICONS[data['severity']]} {severity_word(data['severity'])}: {title(data)}"


def title(data: Mapping[str, Any]) -> str:
    """Return what happened; of an alert of ours, in the reader's language."""
    if data.get("own") == "watchdog":
        return _("The monitoring has fallen silent ({name})").format(name=data["title"])
    return str(data["title"])


def describe(data: Mapping[str, Any], view: CardView) -> str:
    """Return the whole text. Lines are left out from the end of the list of alerts, never cut within."""
    head = [headline(data), *_where_and_when(data, view), *_what_to_do(data)]
    tail = [*_who(data, view), *_incident(data), *_silence(data, view)]
    shown = list(data["alerts"])
    while True:
        text = "\n".join([*head, *_alerts(data, shown), *tail])
        if len(text) <= TEXT_CHARS or not shown:
            return text
        shown.pop()


def _where_and_when(data: Mapping[str, Any], view: CardView) -> list[str]:
    lines = [_("System: {name}").format(name=data["system"])] if data["system"] else []
    began = clock(data["started"], view.zone)
    if data["resolved"]:
        ended = clock(data["resolved"], view.zone, beside=data["started"])
        took = length(data["started"], data["resolved"])
        lines.append(_("Time: {began} – {ended} ({took})").format(began=began, ended=ended, took=took))
    else:
        lines.append(_("Time: {began}").format(began=began))
    if data["openings"] > 1:
        count = data["openings"]
        lines.append(ngettext("Fired {count} time", "Fired {count} times", count).format(count=count))
    if data["state"] == "firing" and "stale" in data:
        lines.append(
            "❔ " + _("No news of it since {time}; it may be over.").format(time=clock(data["stale"], view.zone))
        )
    if data["labels"]:
        lines.append(" · ".join(f"{name}={value}" for name, value in data["labels"]))
    return lines


def _what_to_do(data: Mapping[str, Any]) -> list[str]:
    if data["state"] == "resolved":
        return []
    todo = data["todo"] or _default_advice(data)
    lines = [_("Action: {text}").format(text=todo)]
    if data["link"]:
        lines.append(_("Runbook: {link}").format(link=data["link"]))
    return lines


def _default_advice(data: Mapping[str, Any]) -> str:
    if data.get("own") == "watchdog":
        return _("check that Prometheus and Alertmanager run and reach this server")
    if data["runbooks"]:
        return _("start the runbook {name}, or look at the system").format(name=data["runbooks"][0])
    return _("look at the system, and acknowledge so that others know")


def _alerts(data: Mapping[str, Any], shown: Sequence[Mapping[str, str]]) -> list[str]:
    """Return how many there are, and the first of them; how many more there are is always said."""
    total = data["firing"] + data["ended"]
    if total < 2 and not data["truncated"]:
        return []
    counts = _("{firing} firing · {ended} resolved").format(firing=data["firing"], ended=data["ended"])
    lines = ["", counts, *(f"{DOTS[each['severity']]} {each['text']}" for each in shown)]
    more = data["firing"] - len(shown) + data["truncated"]
    if more > 0 and data["state"] == "firing":
        lines.append(ngettext("… and {count} more", "… and {count} more", more).format(count=more))
    return lines


def _who(data: Mapping[str, Any], view: CardView) -> list[str]:
    if "acked" in data:
        acked = data["acked"]
        at = clock(acked["at"], view.zone, beside=data["started"])
        return ["", "👤 " + _("{name} has it since {time}").format(name=acked["name"], time=at)]
    if "told" in data and data["state"] == "firing":
        told = data["told"]
        at = clock(told["at"], view.zone, beside=data["started"])
        return ["", "📣 " + _("{name} was called at {time}").format(name=told["name"], time=at)]
    return []


def _incident(data: Mapping[str, Any]) -> list[str]:
    return ["🎫 " + _("Incident: {number}").format(number=data["incident"]["number"])] if "incident" in data else []


def _silence(data: Mapping[str, Any], view: CardView) -> list[str]:
    silence = data.get("silence")
    if silence is None:
        return []
    values = {"name": silence["name"], "until": clock(silence["until"], view.zone), "why": say_reason(silence["error"])}
    words = {
        "wanted": _("Silent until {until} ({name}); Alertmanager is being told"),
        "active": _("Silent until {until} ({name})"),
        "local": _("Silent here until {until} ({name}); no Alertmanager is known for it"),
        "undoing": _("The silence is being taken back"),
        "failed": _("Alertmanager did not change the silence: {why}"),
    }
    return ["🔕 " + words[silence["state"]].format(**values)]


def buttons(data: Mapping[str, Any]) -> tuple[tuple[Button, ...], ...]:
    """Return what can be done now, at most four rows."""
    number = str(data["id"])
    details = command_button("🔎 " + _("Details"), "alert", number)
    incident = command_button("🎫 " + _("Incident"), "incident", f"from {number}")
    if data["state"] == "resolved":
        rows: list[list[Button | None]] = [[incident, details]]
    else:
        rows = [[_ack_button(data)], _silence_buttons(data), *_runbook_rows(data), [incident, details]]
    kept = (tuple(button for button in row if button is not None) for row in rows)
    return tuple(row for row in kept if row)


def _ack_button(data: Mapping[str, Any]) -> Button | None:
    if "acked" in data:
        return command_button("↩️ " + _("Let go"), "ack", f"undo {data['id']}")
    return command_button("✅ " + _("Acknowledge"), "ack", str(data["id"]))


def _silence_buttons(data: Mapping[str, Any]) -> list[Button | None]:
    silence = data.get("silence")
    if silence is not None and silence["state"] in ("wanted", "active", "local"):
        return [command_button("🔔 " + _("Undo the silence"), "silence", f"undo {silence['id']}")]
    return [command_button(f"🔕 {each}", "silence", f"{data['id']} {each}") for each in _LENGTHS]


def _runbook_rows(data: Mapping[str, Any]) -> list[list[Button | None]]:
    return [[command_button(f"▶️ {name}", "runbook", f"{name} group={data['id']}")] for name in data["runbooks"][:2]]
