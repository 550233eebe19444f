"""The systems in /status: each with its health, traffic, approvals, anomalies, alerts and last incident.

What is shown was read within the last half minute; a source that does not answer is named, and old numbers say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from bots.commands.base import CommandContext
from bots.commands.figures import show_age, show_clock, show_number, show_span, show_tree
from clawsite.core.errors import BadInput
from runbooks.models import MonitoredSystem
from runbooks.sources.overview import Overview, find_systems, overviews
from sessions_app.sessions import zone_of

MARKS = {True: "✅", False: "🚨", None: "⏳"}
MOST = 10
NAME_CHARS = 40


def read_systems(context: CommandContext) -> Sequence[str]:
    """Return a block for each system, or for those whose name was given."""
    found = overviews(pick_systems(context.args))
    blocks = ["\n".join(_block(each, context)) for each in found[:MOST]]
    more = [_("… and {count} more").format(count=len(found) - MOST)] if len(found) > MOST else []
    return ["\n\n".join([*blocks, *more])] if blocks else []


def pick_systems(words: str) -> list[MonitoredSystem]:
    """Return the systems that words name, all without words; BadInput for a name that none has."""
    found = find_systems(words)
    if found or not words:
        return found
    known = ", ".join(system.name for system in find_systems()[:MOST])
    if not known:
        raise BadInput(_("There are no monitored systems yet. An admin adds them in the admin pages."))
    raise BadInput(
        _("I know no system called “{name}”. There are: {systems}").format(name=words[:NAME_CHARS], systems=known)
    )


def _block(overview: Overview, context: CommandContext) -> list[str]:
    now = timezone.now()
    told = [*_health(overview, now), *_traffic(overview), *_watch(overview)]
    lines = [*(told or [_("nothing is known yet")]), *_incidents(overview, now)]
    old = [each.read_at for each in overview.readings.values() if each.is_old and each.read_at]
    if old:
        lines.append(_("As of: {time}").format(time=show_clock(min(old), zone_of(context.session), now=now)))
    return show_tree(f"{MARKS[overview.is_well]} {overview.system}", lines)


def _health(overview: Overview, now: datetime) -> list[str]:
    reading = overview.readings.get("health")
    if reading is None:
        return []
    if reading.failing_since is not None:
        return [_("API: no answer for {age}").format(age=show_span(now - reading.failing_since))]
    if reading.data is None:
        return [_("API: not asked yet")]
    status, uptime = reading.data["status"], reading.data["uptime"]
    if not uptime:
        return [_("API: {status}").format(status=status)]
    return [_("API: {status} (uptime {uptime})").format(status=status, uptime=uptime)]


def _traffic(overview: Overview) -> list[str]:
    stats = overview.data("stats")
    lines = []
    if stats.get("transactions_per_minute") is not None:
        lines.append(_("Transactions/min: {count}").format(count=show_number(stats["transactions_per_minute"])))
    if stats.get("approval_rate") is not None:
        lines.append(_("Approval rate: {rate}%").format(rate=show_number(stats["approval_rate"], digits=1)))
    return lines


def _watch(overview: Overview) -> list[str]:
    """Say what is unusual and what fires; sources that do not answer, health aside, are named here."""
    lines = []
    anomalies, alerts = overview.anomalies, overview.active_alerts
    if anomalies is not None:
        lines.append(_("Anomalies (1 h): {count}").format(count=anomalies))
    if alerts is not None:
        lines.append(_("Active alerts: {count}").format(count=alerts))
    down = overview.data("prometheus").get("down", 0)
    if down:
        lines.append(_("Targets out of reach: {count}").format(count=down))
    names = {"stats": _("Stats"), "prometheus": "Prometheus", "alertmanager": "Alertmanager"}
    silent = [name for source, name in names.items() if overview.is_failing(source)]
    return [*lines, *(_("{name}: no answer").format(name=name) for name in silent)]


def _incidents(overview: Overview, now: datetime) -> list[str]:
    lines = []
    if overview.open_incidents:
        lines.append(_("Open incidents: {count}").format(count=overview.open_incidents))
    at = overview.last_incident_at
    lines.append(_("Last incident: {when}").format(when=show_age(at, now=now) if at else _("none")))
    return lines
