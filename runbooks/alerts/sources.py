"""Which monitored system a group is of: the webhook's address, labels, or Alertmanager's own address tell."""

from __future__ import annotations

import hashlib

from runbooks.alerts.payload import GroupNews
from runbooks.models import MonitoredSystem

# What our own alerts come from. No Alertmanager can be given this name as the address of its webhook.
SOURCE = "@clawsite"


def key_of(source: str, group_key: str) -> str:
    """Return what a group is known by. Two Alertmanagers with groups of one name need addresses of their own.

    The sender's own address is no part of it: the members of a cluster have different ones and send the same groups.
    """
    return hashlib.sha256(f"{source}\0{group_key}".encode()).hexdigest()


def find_system(news: GroupNews, *, source: str = "") -> MonitoredSystem | None:
    """Return the system that a group is of, or None. The most labels that fit win; a single system owns everything."""
    systems = list(MonitoredSystem.objects.filter(enabled=True).order_by("pk"))
    if source:
        return next((each for each in systems if each.name == source), None)
    labels = news.group_labels | news.labels
    fitting = [each for each in systems if each.labels and each.labels.items() <= labels.items()]
    if fitting:
        return max(fitting, key=lambda each: len(each.labels))
    address = news.external_url.rstrip("/")
    sending = [each for each in systems if address and each.alertmanager_url.rstrip("/") == address]
    found = sending or systems
    return found[0] if len(found) == 1 else None
