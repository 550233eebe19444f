"""The card of a storm: how many groups there are, how bad, and what there is most of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.cards.alert import DOTS, severity_word
from bots.cards.registry import CardView
from bots.cards.times import clock
from bots.channels.base import OutboundMessage
from bots.commands.base import command_button


def render(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message of a storm."""
    lines = [_headline(data), _("Time: {began}").format(began=clock(data["started"], view.zone))]
    lines.append(_counts(data))
    lines += ["", *(f"{count}× {name}" for name, count in data["names"])] if data["names"] else []
    if data["others"]:
        lines.append(ngettext("… and {count} more", "… and {count} more", data["others"]).format(count=data["others"]))
    lines += ["", _("New alerts get messages of their own again when it is calm.")] if not data["over"] else []
    buttons = [command_button("🔎 " + _("List"), "alert", f"storm {data['id']}")]
    if data["firing"] > data["acked"]:
        buttons.insert(0, command_button("✅ " + _("Acknowledge all"), "ack", f"storm {data['id']}"))
    row = tuple(button for button in buttons if button is not None)
    return OutboundMessage(text="\n".join(lines), plain=True, buttons=(row,))


def _headline(data: Mapping[str, Any]) -> str:
    count = data["groups"]
    if data["over"] and not data["firing"]:
        return "✅ " + ngettext("STORM OVER: {count} alert", "STORM OVER: {count} alerts", count).format(count=count)
    return "🌪 " + ngettext("ALERT STORM: {count} more alert", "ALERT STORM: {count} more alerts", count).format(
        count=count
    )


def _counts(data: Mapping[str, Any]) -> str:
    severities = [
        f"{DOTS[severity]} {count} {severity_word(severity)}"
        for severity in ("critical", "warning", "info")
        if (count := data["severities"].get(severity))
    ]
    state = _("{firing} firing, {acked} acknowledged").format(firing=data["firing"], acked=data["acked"])
    return " · ".join([state, *severities])
