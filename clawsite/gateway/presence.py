"""Who is here: the gateway itself and the connections of this process, as `system-presence` lists them.

Changes are told at most once a second, and not one by one when many come or go at once.
"""

from __future__ import annotations

import platform
import socket
import time
from typing import Any

import msgspec
from django.conf import settings

from clawsite.gateway.hub import hub
from clawsite.gateway.principal import Principal

MOST_ENTRIES = 200
# What every client is told when it connects must not grow with the number of connections.
MANY, MOST_IN_HELLO, SNAPSHOT_SECONDS = 50, 50, 1.0
# Lists that are kept, one for each owner of connections and one for those who see all.
MOST_KEPT = 100
# More changes than this within a second are not told: who wants to know asks.
MOST_CHANGES = 200


class Presence:
    """The version of the list, and what of it was not told yet."""

    def __init__(self) -> None:
        self.version = 1
        self._changes = 0
        self.health_version = 1
        self._snapshot: tuple[msgspec.Raw, dict[str, int]] = (msgspec.Raw(b"[]"), self.versions())
        self._taken_at = 0.0
        self._kept: dict[str, tuple[float, int, msgspec.Raw]] = {}

    def change(self) -> None:
        """A connection came or went."""
        self.version += 1
        self._changes += 1

    def versions(self) -> dict[str, int]:
        """Return the counters that go with snapshots and events."""
        return {"presence": self.version, "health": self.health_version}

    def snapshot(self, viewer: Principal) -> tuple[msgspec.Raw, dict[str, int]]:
        """Return what somebody may see and its versions; with many connections as it was up to a second ago."""
        if not viewer.sees_all:
            return msgspec.Raw(msgspec.json.encode(presence_entries(viewer)[:MOST_IN_HELLO])), self.versions()
        now = time.monotonic()
        if len(hub.connections) < MANY or now - self._taken_at > SNAPSHOT_SECONDS:
            entries = presence_entries()[:MOST_IN_HELLO]
            self._snapshot, self._taken_at = (msgspec.Raw(msgspec.json.encode(entries)), self.versions()), now
        return self._snapshot

    def read(self, viewer: Principal) -> msgspec.Raw:
        """Return what somebody may see as JSON, made at most once a second while the same are here, or many are."""
        seen_by, now = "" if viewer.sees_all else viewer.owner, time.monotonic()
        at, version, body = self._kept.get(seen_by, (0.0, 0, msgspec.Raw(b"")))
        if now - at > SNAPSHOT_SECONDS or (version != self.version and len(hub.connections) < MANY):
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            body = msgspec.Raw(msgspec.json.encode(presence_entries(viewer)))
            self._kept[seen_by] = now, self.version, body
        return body

    def take_changes(self) -> bool:
        """Tell whether the list should be told now; forgets what was not told."""
        changes, self._changes = self._changes, 0
        return 0 < changes <= MOST_CHANGES


presence = Presence()


def presence_entries(viewer: Principal | None = None) -> list[dict[str, Any]]:
    """Return the entries: the gateway, then the connections, at most 200; of others only to who sees all."""
    entries = [_own_entry()]
    for listener in hub.connections.values():
        if len(entries) >= MOST_ENTRIES:
            break
        if viewer is not None and not viewer.sees_all and listener.principal.owner != viewer.owner:
            continue
        describe = getattr(listener, "describe", None)
        if describe is not None:
            entries.append(describe())
    return entries


def own_entries() -> dict[str, list[dict[str, Any]]]:
    """Return the entries by the owner of the connection, each list as its owner may see it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for listener in hub.connections.values():
        describe = getattr(listener, "describe", None)
        own = found.setdefault(listener.principal.owner, [_own_entry()])
        if describe is not None and len(own) < MOST_ENTRIES:
            own.append(describe())
    return found


def _own_entry() -> dict[str, Any]:
    host = socket.gethostname()
    return {
        "host": host,
        "version": settings.VERSION,
        "platform": f"{platform.system().lower()} {platform.release()}",
        "mode": "gateway",
        "reason": "self",
        "text": f"Gateway: {host} · app {settings.VERSION} · mode gateway · reason self",
        "ts": round(time.time() * 1000),
    }
