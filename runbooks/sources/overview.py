"""How the systems do, from what was last read of them and from our own rows. A few queries, whatever their number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max
from django.utils import timezone

from runbooks.alerts.severity import Severity, read_severity
from runbooks.models import Anomaly, Incident, MonitoredSystem, NamedQuery, SystemReading

# So many intervals after it was read, a number is an old one.
STALE = 3
_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a source said last, None when it never did. `failing_since`: it does not answer; `is_old`: not lately."""

    data: dict[str, Any] | None
    read_at: datetime | None
    failing_since: datetime | None
    is_old: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """One system: its sources by name (those that it has), its anomalies and its incidents.

    `watched_anomalies` is how many there were within the last hour in its watched queries, None without any.
    """

    system: MonitoredSystem
    readings: dict[str, Reading]
    watched_anomalies: int | None
    open_incidents: int
    last_incident_at: datetime | None

    def data(self, source: str) -> dict[str, Any]:
        """Return what a source said last; {} when it is not there or never said anything."""
        reading = self.readings.get(source)
        return (reading.data or {}) if reading else {}

    def is_failing(self, source: str) -> bool:
        """Tell whether a source is there and does not answer."""
        reading = self.readings.get(source)
        return reading is not None and reading.failing_since is not None

    @property
    def anomalies(self) -> int | None:
        """How many anomalies of the last hour there are, by our own watch or else by the system itself."""
        if self.watched_anomalies is not None:
            return self.watched_anomalies
        told = self.data("stats").get("anomalies_last_hour")
        return None if told is None else int(told)

    @property
    def active_alerts(self) -> int | None:
        """How many alerts fire, by Alertmanager or else by the system itself; None when neither tells."""
        found = self.data("alertmanager").get("active", self.data("stats").get("active_alerts"))
        return None if found is None else int(found)

    @property
    def is_well(self) -> bool | None:
        """Whether all that is known of it is fine; None when nothing is known yet."""
        if any(self.is_failing(source) for source in self.readings):
            return False
        if not any(reading.data is not None for reading in self.readings.values()):
            return None
        return bool(self.data("health").get("is_well", True)) and not self._is_alarmed

    @property
    def _is_alarmed(self) -> bool:
        alerts = self.data("alertmanager").get("alerts", [])
        return any(read_severity(each["severity"]) == Severity.CRITICAL and not each["suppressed"] for each in alerts)


def overviews(systems: Sequence[MonitoredSystem], *, now: datetime | None = None) -> list[Overview]:
    """Return how each of the systems does."""
    now = now or timezone.now()
    rows: dict[int, dict[str, Reading]] = {system.pk: {} for system in systems}
    for row in SystemReading.objects.filter(system__in=systems):
        rows[row.system_id][row.source] = _reading(row, now)
    last = dict(
        Incident.objects.filter(system__in=systems)
        .order_by()
        .values("system")
        .annotate(at=Max("opened_at"))
        .values_list("system", "at")
    )
    unusual = _anomalies(systems, now)
    opened = list(Incident.objects.open().filter(system__in=systems).values_list("system", flat=True))
    return [
        Overview(
            system=system,
            readings=_known(system, rows[system.pk]),
            watched_anomalies=unusual.get(system.pk),
            open_incidents=opened.count(system.pk),
            last_incident_at=last.get(system.pk),
        )
        for system in systems
    ]


def _anomalies(systems: Sequence[MonitoredSystem], now: datetime) -> dict[int, int]:
    """Return how many anomalies of the last hour each system has that is watched for them."""
    watched = NamedQuery.objects.filter(system__in=systems, watched=True).order_by().values_list("system", flat=True)
    found = Anomaly.objects.between(now - timedelta(hours=1), now).filter(system__in=systems)
    counts = dict(found.order_by().values("system").annotate(n=Count("pk")).values_list("system", "n"))
    return {pk: counts.get(pk, 0) for pk in watched.distinct()}


def _reading(row: SystemReading, now: datetime) -> Reading:
    limit = now - timedelta(seconds=STALE * settings.CLAW_SYSTEMS_SECONDS)
    return Reading(
        data=row.data if row.read_at else None,
        read_at=row.read_at,
        failing_since=row.failing_since,
        is_old=row.read_at is not None and row.read_at < limit,
    )


def _known(system: MonitoredSystem, found: dict[str, Reading]) -> dict[str, Reading]:
    """Return a reading for each source that the system has, and none for one that it has no more."""
    never = Reading(data=None, read_at=None, failing_since=None, is_old=False)
    sources = [source for source in SystemReading.Source.values if getattr(system, f"{source}_url")]
    return {source: found.get(source, never) for source in sources}


def find_systems(words: str = "") -> list[MonitoredSystem]:
    """Return the enabled systems, or those of them whose name or title is, or else begins with, these words."""
    rows = list(MonitoredSystem.objects.filter(enabled=True).defer("credentials"))
    wanted = _fold(words)
    if not wanted:
        return rows
    names = {row.pk: {_fold(row.name), _fold(row.title)} for row in rows}
    exact = [row for row in rows if wanted in names[row.pk]]
    return exact or [row for row in rows if any(name.startswith(wanted) for name in names[row.pk])]


def _fold(text: str) -> str:
    return " ".join(_WORDS.split(text.casefold())).strip()
