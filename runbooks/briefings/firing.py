"""Which alerts of a system fire now, as its Alertmanager tells."""

from __future__ import annotations

from typing import Any

from runbooks.alerts.severity import read_severity, worst_first
from runbooks.incidents.lines import one_line
from runbooks.models import Alert, AlertGroup, MonitoredSystem
from runbooks.sources.alertmanager import ListedAlert, list_alerts

MOST = 5
NAME_CHARS = 100
# An alert that says that alerting works, and always fires.
_NO_TROUBLE = "none"


def read_firing(system: MonitoredSystem) -> dict[str, Any]:
    """Return the worst of them, oldest first among equals, and how many there are.

    Left out are those that are silenced, and those that were told to us, which our own rows know better.
    """
    found = _unknown([alert for alert in list_alerts(system) if _is_trouble(alert)])
    worst = sorted(found, key=lambda alert: (worst_first(read_severity(alert.severity)), alert.starts_at))
    return {"count": len(found), "alerts": [_describe(alert) for alert in worst[:MOST]]}


def _describe(alert: ListedAlert) -> dict[str, str]:
    return {
        "name": one_line(alert.name, NAME_CHARS),
        "severity": str(read_severity(alert.severity) or ""),
        "since": alert.starts_at.isoformat(),
    }


def _is_trouble(alert: ListedAlert) -> bool:
    return alert.severity != _NO_TROUBLE and alert.status.state != "suppressed"


def _unknown(alerts: list[ListedAlert]) -> list[ListedAlert]:
    prints = [alert.fingerprint for alert in alerts]
    firing = AlertGroup.State.FIRING  # of what fired once there are many
    rows = Alert.objects.filter(group__state=firing, state=firing, fingerprint__in=prints)
    known = set(rows.values_list("fingerprint", flat=True))
    return [alert for alert in alerts if alert.fingerprint not in known]
