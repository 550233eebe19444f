"""A metric in a chat: the picture, and below it value, change against the period before, average and range.

Names and labels come from outside: plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from bots.cards.anomaly import show_value
from bots.cards.ended import said_end
from bots.cards.registry import CardView
from bots.channels.base import Button, OutboundFile, OutboundMessage
from bots.commands.base import command_button
from bots.commands.figures import show_clock, show_number, show_tree
from bots.reasons import say_reason

Data = Mapping[str, Any]
SAME = 0.05
UP, DOWN, LEVEL = "▲", "▼", "＝"


def render(data: Data, view: CardView) -> OutboundMessage:
    """Return the message of a metric."""
    name = [f"📈 {data['title']} ({data['system']})"] if data["title"] else []
    head = [*name, _period(data, view)]
    if "failed" in data:
        text = "\n".join([*head, "", "⚠️ " + said_end(data)])
        return OutboundMessage(text=text, plain=True, buttons=_again(data))
    if data["error"]:
        return OutboundMessage(
            text="\n".join([*head, "", "⚠️ " + say_reason(data["error"])]), plain=True, buttons=_again(data)
        )
    if not data["series"]:
        return OutboundMessage(text="\n".join([*head, "", _("No data in this time.")]), plain=True)
    alone = len(data["series"]) == 1
    blocks = [
        "\n".join(_block(number, each, data, view, alone=alone)) for number, each in enumerate(data["series"], start=1)
    ]
    more = [_("… and {count} more").format(count=data["more"])] if data["more"] else []
    text = "\n".join([*head, "", "\n".join([*blocks, *more])])
    return OutboundMessage(text=text, plain=True, files=_files(data), buttons=_again(data))


def _period(data: Data, view: CardView) -> str:
    start, end = (datetime.fromisoformat(data[name]) for name in ("start", "end"))
    return f"{show_clock(start, view.zone, now=end)} – {show_clock(end, view.zone, now=end)} ({view.zone.key})"


def _block(number: int, each: Data, data: Data, view: CardView, *, alone: bool) -> list[str]:
    """One series alone is a tree; several are a line each, numbered as in the picture."""
    unit = data["unit"]
    value = show_value(each["value"], unit)
    old = _age(each, data, view)
    if not alone:
        return [" ".join([f"{number}. {each['name']}: {value} {_change(each, unit)}".rstrip(), *old])]
    span = f"{show_value(each['low'], unit)} – {show_value(each['high'], unit)}"
    lines = [
        *old,
        _("Average: {value}").format(value=show_value(each["mean"], unit)),
        _("Range: {span}").format(span=span),
        _("Against the time before: {change}").format(change=_change(each, unit) or _("unknown")),
    ]
    return show_tree(_("Last value: {value}").format(value=value), lines)


def _age(each: Data, data: Data, view: CardView) -> list[str]:
    """Say when the last value is of, where there has been none for a while."""
    if not each.get("at"):
        return []
    time = show_clock(datetime.fromisoformat(each["at"]), view.zone, now=datetime.fromisoformat(data["end"]))
    return ["⚠️ " + _("As of: {time}").format(time=time)]


def _change(each: Data, unit: str) -> str:
    """Return how the average changed: of percentages in points, of others in percent; "" where it is not known."""
    before, mean = each["before"], each["mean"]
    if before is None or (not before and unit != "%"):
        return ""
    change = mean - before if unit == "%" else 100 * (mean - before) / abs(before)
    if abs(change) < SAME:
        return LEVEL
    sign, size = (UP, "+") if change > 0 else (DOWN, "−")
    number = show_number(abs(change), digits=1)
    return f"{sign} {size}{number} " + _("percentage points") if unit == "%" else f"{sign} {size}{number}%"


def _files(data: Data) -> tuple[OutboundFile, ...]:
    if not data["file"]:
        return ()
    return (OutboundFile(path=data["file"], name="chart.png", mime="image/png", kind="photo"),)


def _again(data: Data) -> tuple[tuple[Button, ...], ...]:
    """Buttons for the same metric over other times."""
    labels = (("1h", _("1 h")), ("6h", _("6 h")), ("24h", _("24 h")), ("7d", _("7 d")))
    row = [command_button(label, "metrics", f"#{data['query']} {code}") for code, label in labels]
    return (tuple(button for button in row if button is not None),)
