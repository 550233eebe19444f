"""The card of an environment's log: its last lines, which change in place while it is followed, or the whole as a file.

What lines say is from outside: plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from bots.cards.registry import CardView
from bots.channels.base import Button, OutboundFile, OutboundMessage
from bots.commands.base import command_button
from bots.reasons import say_reason


def render(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message of a log as it stands."""
    where = " · ".join(each for each in (data["project"], data["environment"]) if each)
    if data["error"]:
        return OutboundMessage(text=f"📄 {where}\n\n⚠️ {say_reason(data['error'])}", plain=True)
    if data["file"]:
        name = f"{data['environment']}.log"
        file = OutboundFile(path=data["file"], name=name, mime="text/plain", kind="document")
        return OutboundMessage(text=f"📄 {where}", plain=True, files=(file,))
    mark = "🔴 " + _("live") if data["following"] else ""
    head = " · ".join(each for each in (f"📄 {where}", mark) if each)
    text = data["text"] or _("It is empty.")
    return OutboundMessage(text=f"{head}\n\n{text}", plain=True, buttons=_buttons(data))


def _buttons(data: Mapping[str, Any]) -> tuple[tuple[Button, ...], ...]:
    if data["following"]:
        shown = [command_button("⏹ " + _("Stop"), "logs", f"stop {data['job'][:12]}")]
    else:
        place = f"in {data['key']}"
        shown = [
            command_button("🔴 " + _("Follow"), "logs", f"{data['environment']} follow {place}"),
            command_button("📎 " + _("Whole file"), "logs", f"{data['environment']} whole {place}"),
        ]
    row = tuple(each for each in shown if each is not None)
    return (row,) if row else ()
