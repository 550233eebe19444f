"""What the message of a group says, as data: cut to what a phone shows, while the rows keep everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbooks.alerts.sources import SOURCE, key_of
from runbooks.models import AlertGroup, AlertSilence

TITLE_CHARS, LINE_CHARS, LABEL_CHARS = 200, 400, 80
SHOWN_ALERTS, SHOWN_LABELS, SHOWN_RUNBOOKS = 5, 8, 3
# The alert that we raise ourselves when a heartbeat is missing, by which its message is worded.
OWN, OWN_PREFIX = "WatchdogMissing", "@clawsite:watchdog:"
_PLAIN_LABELS = ("alertname", "severity")
_WHAT_TO_DO = ("action", "what_to_do", "remedy", "description", "message")


def group_facts(group: AlertGroup, *, silence: AlertSilence | None, runbooks: list[str]) -> dict[str, Any]:
    """Return the data of a group's card."""
    facts: dict[str, Any] = {
        "id": group.pk,
        "state": str(group.state),
        "severity": str(group.severity),
        "title": cut(group.title, TITLE_CHARS),
        "system": cut(str(group.system) if group.system else "", LABEL_CHARS),
        "started": group.started_at.isoformat(),
        "resolved": group.resolved_at.isoformat() if group.resolved_at else "",
        "todo": cut(what_to_do(group.annotations), LINE_CHARS),
        "link": link_of(group.annotations),
        "labels": shown_labels(group.labels, SHOWN_LABELS),
        "firing": group.firing,
        "ended": group.ended,
        "truncated": group.truncated,
        "openings": group.openings,
        "alerts": _alerts(group),
        "runbooks": runbooks[:SHOWN_RUNBOOKS],
    }
    if group.key == key_of(SOURCE, group.group_key) and group.group_key.startswith(OWN_PREFIX):
        facts["own"] = "watchdog"
    elif group.stale_at:
        facts["stale"] = group.heard_at.isoformat()
    if group.acked_at:
        facts["acked"] = {"name": cut(group.acked_name, LABEL_CHARS), "at": group.acked_at.isoformat()}
    elif told := group.events.filter(kind="escalated", at__gte=group.started_at).order_by("-id").first():
        facts["told"] = {"name": cut(told.actor, LABEL_CHARS), "at": told.at.isoformat()}
    if group.incident_id:
        facts["incident"] = {"id": group.incident_id, "number": f"INC-{group.incident_id}"}
    if silence is not None:
        facts["silence"] = silence_facts(silence)
    return facts


def silence_facts(silence: AlertSilence) -> dict[str, Any]:
    """Return what a message says of a silence."""
    return {
        "id": silence.pk,
        "state": str(silence.state),
        "until": silence.ends_at.isoformat(),
        "name": cut(silence.created_name, LABEL_CHARS),
        "error": cut(silence.error, LINE_CHARS),
    }


def _alerts(group: AlertGroup) -> list[dict[str, str]]:
    """Return the first firing alerts, each by what tells it from the others; one alert alone is the title already."""
    if group.firing + group.ended < 2:
        return []
    rows = group.alerts.filter(state=AlertGroup.State.FIRING).order_by("pk")[:SHOWN_ALERTS]
    return [{"severity": str(row.severity), "text": alert_text(row.labels, row.annotations, group)} for row in rows]


def alert_text(labels: Mapping[str, str], annotations: Mapping[str, str], group: AlertGroup) -> str:
    """Return one line about an alert of a group: its own labels, and its own summary."""
    own = {key: value for key, value in labels.items() if group.labels.get(key) != value}
    said = annotations.get("summary", "") if annotations.get("summary") != group.annotations.get("summary") else ""
    words = " ".join(f"{name}={value}" for name, value in shown_labels(own, 4))
    return cut(" — ".join(part for part in (words, said) if part) or labels.get("alertname", "?"), LINE_CHARS // 2)


def what_to_do(annotations: Mapping[str, str]) -> str:
    """Return what the alert's author wrote about what to do."""
    return next((annotations[name] for name in _WHAT_TO_DO if annotations.get(name, "").strip()), "")


def link_of(annotations: Mapping[str, str]) -> str:
    """Return the address of the author's own runbook or dashboard, when it is one."""
    for name in ("runbook_url", "dashboard_url", "runbook", "dashboard"):
        address = annotations.get(name, "").strip()
        if address.startswith(("https://", "http://")) and len(address) <= LINE_CHARS and not address.split()[1:]:
            return address
    return ""


def shown_labels(labels: Mapping[str, str], most: int) -> list[list[str]]:
    """Return the labels that a message shows, in order, cut."""
    rows = [(name, value) for name, value in sorted(labels.items()) if name not in _PLAIN_LABELS and value]
    return [[cut(name, LABEL_CHARS), cut(value, LABEL_CHARS)] for name, value in rows[:most]]


def cut(text: str, chars: int) -> str:
    """Return a text on one line, with … where it was longer. Marks that turn or hide what stands beside them go."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= chars else line[: chars - 1].rstrip() + "…"
