"""The briefing of a shift in words: numbers first, then what stands out, what waits, and who is next.

Every section is there, and says so when there is nothing. Plain text: labels and titles come from outside.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.cards.briefing_lines import Data, cut, percent, tell_attention, tell_handover
from bots.cards.ended import said_end
from bots.cards.incident import headline
from bots.cards.registry import CardView
from bots.cards.times import clock
from bots.channels.base import Button, OutboundMessage
from bots.commands.base import command_button
from bots.commands.figures import show_number, show_span, show_tree

NIGHT_BEGINS, DAY_BEGINS, EVENING_BEGINS = 22, 6, 14
# Below this share of the time a number is said to be of a part of it.
WHOLE = 0.98


def render(data: Data, view: CardView) -> OutboundMessage:
    """Return the message of a briefing, or that it is being made."""
    if data.get("waiting"):
        return OutboundMessage(text=_("⏳ I am putting the briefing together."), plain=True)
    if "failed" in data:
        return OutboundMessage(text="⚠️ " + said_end(data), plain=True)
    start, end = (datetime.fromisoformat(data[name]).astimezone(view.zone) for name in ("start", "end"))
    when = partial(clock, zone=view.zone, beside=data["end"])
    blocks = [
        [_title(end), _period(start, end, view)],
        show_tree(_last_hours(start, end), _numbers(data)),
        show_tree(_("⚠️ Attention:"), tell_attention(data, when) or [_("Nothing")]),
        show_tree(_("📋 Pending:"), _pending(data) or [_("Nothing")]),
        show_tree(_("🤝 Handover:"), tell_handover(data, when)),
        [*_taken(data, view), _("Have a good shift! 🦞")],
    ]
    text = "\n\n".join("\n".join(block) for block in blocks)
    return OutboundMessage(text=text, plain=True, buttons=_buttons(data))


def _title(end: datetime) -> str:
    if end.hour >= NIGHT_BEGINS or end.hour < DAY_BEGINS:
        return _("🌙 Briefing of the night shift")
    return _("☀️ Briefing of the day shift") if end.hour < EVENING_BEGINS else _("🌆 Briefing of the evening shift")


def _period(start: datetime, end: datetime, view: CardView) -> str:
    begin, finish = (date_format(moment, "j M H:i") for moment in (start, end))
    return f"{begin} – {finish} ({view.zone.key})"


def _last_hours(start: datetime, end: datetime) -> str:
    hours = round((end.timestamp() - start.timestamp()) / 3600)
    return ngettext("📊 Last {hours} hour:", "📊 Last {hours} hours:", hours).format(hours=hours)


def _taken(data: Data, view: CardView) -> list[str]:
    """Say who has the shift now."""
    if "taken" not in data:
        return []
    at = clock(data["taken"]["at"], view.zone, beside=data["end"])
    return [_("✅ {name} has the shift since {time}").format(name=data["taken"]["who"], time=at)]


def _buttons(data: Data) -> tuple[tuple[Button, ...], ...]:
    button = (
        None if "taken" in data else command_button("✅ " + _("I take the shift"), "briefing", f"have {data['job']}")
    )
    return ((button,),) if button is not None else ()


# --- numbers -------------------------------------------------------------------------------------------------------
def _numbers(data: Data) -> list[str]:
    systems = data["systems"] or []
    lines = [line for system in systems for line in _system(system, alone=len(systems) == 1)]
    left = data["left_out"]
    if left and data["systems"] is not None:
        lines.append(ngettext("… and {count} system more", "… and {count} systems more", left).format(count=left))
    if not systems and not left:
        lines.append(_("No system is watched"))
    return [*lines, *_counts(data), *_incident_count(data["incidents"]), *_missing(data["missing"])]


def _counts(data: Data) -> list[str]:
    lines, anomalies, alerts = [], data["anomalies"], data["alerts"]
    if anomalies is not None:
        lines.append(_("Anomalies: {count}").format(count=anomalies["count"]))
        if anomalies["count"]:
            lines[-1] += " " + _("({count} over)").format(count=anomalies["resolved"])
    if alerts is not None:
        lines.append(_("Alerts: {count}").format(count=alerts["count"]))
        if alerts["count"]:
            lines[-1] += " " + _("({count} firing)").format(count=alerts["firing_count"])
    return lines


def _system(system: Data, *, alone: bool) -> list[str]:
    """Return the lines of one system; its name stands in front where there are several."""
    prefix = "" if alone else f"{system['name']} · "
    told = [f"{prefix}{_figure(each)}" for each in system["figures"]]
    wrong = [f"{system['name']} · {each['query']}: {each['text']}" for each in system["errors"]]
    if not told and not wrong:
        told = [_("{system}: no queries are set up").format(system=system["name"])]
    return told + wrong


def _figure(figure: Data) -> str:
    is_total = figure["part"] == "traffic"
    title = figure["title"] or (_("Transactions") if is_total else _("Approved"))
    if figure["value"] is None:
        return _("{title}: no data").format(title=title)
    value = show_number(figure["value"]) if is_total else percent(figure["value"])
    if figure["covered"] >= WHOLE:
        return f"{title}: {value}"
    known = show_span(timedelta(minutes=figure["minutes"]))
    return _("{title}: {value} (of {length} only)").format(title=title, value=value, length=known)


def _incident_count(told: Data | None) -> list[str]:
    if told is None:
        return []
    counts = [f"{count} {severity}" for severity, count in told["opened"].items() if count or severity in ("P1", "P2")]
    line = _("Incidents: {counts}").format(counts=", ".join(counts))
    resolved = told["resolved"]
    if resolved:
        line += " " + ngettext("({count} resolved)", "({count} resolved)", resolved).format(count=resolved)
    return [line]


def _missing(missing: list[Data]) -> list[str]:
    names = {
        "systems": _("systems"),
        "alerts": _("alerts"),
        "anomalies": _("anomalies"),
        "incidents": _("incidents"),
        "pending": _("what is pending"),
        "handover": _("handover"),
    }
    return [
        _("{name}: not available now (error {id})").format(name=names.get(each["part"], each["part"]), id=each["error"])
        for each in missing
    ]


def _pending(data: Data) -> list[str]:
    incidents, pending = data["incidents"] or {"open": [], "open_count": 0}, data["pending"]
    lines = [f"{headline(each)} — {each['assignee'] or _('nobody yet')}" for each in incidents["open"]]
    lines = cut(lines, more=incidents["open_count"] - len(lines))
    if pending is None:
        return lines
    approvals = pending["approvals"]
    if approvals:
        lines.append(ngettext("{count} approval waits", "{count} approvals wait", approvals).format(count=approvals))
    if pending["runs"]:
        lines.append(_("Under way: {names}").format(names=", ".join(pending["runs"])))
    failed = ", ".join(f"{each['name']} ({each['count']})" for each in pending["failed"])
    return [*lines, _("Failed: {names}").format(names=failed)] if failed else lines
