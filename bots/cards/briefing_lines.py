"""Lines of a briefing: what goes on and what is over, what fails more than the rest, and who is on call.

`when` shows a moment on the clock of the chat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.cards.alert import DOTS
from bots.cards.times import length
from bots.commands.alerts import OTHER
from bots.commands.figures import show_number

MOST_LINES = 12

Data = Mapping[str, Any]
When = Callable[[str], str]


def tell_attention(data: Data, when: When) -> list[str]:
    """Return what goes on, then what fails more than the rest, then what is over."""
    alerts = data["alerts"] or {"firing": [], "over": [], "firing_count": 0}
    anomalies = (data["anomalies"] or {"list": []})["list"]
    lines = [_alert(each, when) for each in alerts["firing"]]
    left = alerts["firing_count"] - len(lines)
    for system in data["systems"] or []:
        firing = system["firing"] or {"alerts": [], "count": 0}
        lines += [_listed(system["name"], alert, when) for alert in firing["alerts"]]
        lines += [_outstanding(system["name"], point) for point in system["attention"]]
        left += firing["count"] - len(firing["alerts"])
    lines += [_anomaly(each, when) for each in anomalies if not each["until"]]
    lines += [_alert(each, when) for each in alerts["over"]]
    lines += [_anomaly(each, when) for each in anomalies if each["until"]]
    return cut(lines, more=left)


def _alert(alert: Data, when: When) -> str:
    """Return a group of alerts that was told to us: who has it, or how long it took."""
    mark, since = DOTS[alert["severity"]], when(alert["since"])
    if alert["until"]:
        return _over(f"{mark} {alert['title']}", alert, when)
    if not alert["acked"]:
        return _("{alert}, since {time}: nobody has it").format(alert=f"{mark} {alert['title']}", time=since)
    return _("{alert}, since {time}: {name} has it").format(
        alert=f"{mark} {alert['title']}", time=since, name=alert["acked"]
    )


def _listed(system: str, alert: Data, when: When) -> str:
    """Return an alert that only the system's Alertmanager tells of."""
    mark = DOTS.get(alert["severity"], OTHER)
    return _("{mark} {name} fires since {time} ({system})").format(
        mark=mark, name=alert["name"], time=when(alert["since"]), system=system
    )


def _anomaly(anomaly: Data, when: When) -> str:
    kinds = {"drop": _("drop"), "spike": _("spike"), "flat": _("stands still"), "missing": _("no data")}
    kind = kinds.get(anomaly["kind"], anomaly["kind"])
    what = f"📈 {anomaly['system']} · {anomaly['title']}: {kind}"
    if anomaly["until"]:
        return _over(what, anomaly, when)
    return _("{what}, since {time}").format(what=what, time=when(anomaly["since"]))


def _over(what: str, each: Data, when: When) -> str:
    return _("{what}, at {time} (over, {length})").format(
        what=what, time=when(each["since"]), length=length(each["since"], each["until"])
    )


def _outstanding(system: str, point: Data) -> str:
    name = f"{system} · {point['name']}" if point["name"] else system
    title = point["title"] or _("failures")
    words = (
        _("{name}: {title} {value} (before: {usual})")
        if point["alone"]
        else _("{name}: {title} {value} (others: {usual})")
    )
    return words.format(name=name, title=title, value=percent(point["value"]), usual=percent(point["usual"]))


def tell_handover(data: Data, when: When) -> list[str]:
    """Return a line for each rota; one line that says so when there are none, or when they could not be read."""
    if not data["handover"]:
        return [_("unknown") if data["handover"] is None else _("There is no rota")]
    return [_turn(each, when, alone=len(data["handover"]) == 1) for each in data["handover"]]


def _turn(turn: Data, when: When, *, alone: bool) -> str:
    """Return who hands over to whom, or who stays and who comes next."""
    nobody = _("nobody")
    now, until = turn["now"] or nobody, when(turn["until"]) if turn["until"] else ""
    prefix = "" if alone else f"{turn['rota']}: "
    if turn["before"] != turn["now"]:
        said = f"{turn['before'] or nobody} → {now}"
        return prefix + (_("{who} (until {time})").format(who=said, time=until) if until else said)
    if not until:
        return prefix + now
    return prefix + _("{who} until {time}, then {next}").format(who=now, time=until, next=turn["next"] or nobody)


def percent(value: float) -> str:
    """Return a percentage as people of the language write it."""
    return f"{show_number(value, digits=1)}%"


def cut(lines: list[str], *, more: int = 0) -> list[str]:
    """Return no more lines than a phone shows, and how many were left out."""
    left = more + max(0, len(lines) - MOST_LINES)
    rest = [ngettext("… and {count} more", "… and {count} more", left).format(count=left)] if left else []
    return lines[:MOST_LINES] + rest
