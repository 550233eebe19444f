"""Alertmanager's webhook, version 4, as checked values. Pure: a stored body can be read again at any time.

Everything in it is somebody else's text. Nothing is refused for being long or strange; what cannot be stored (NUL
characters, halves of characters) is replaced. Fields of newer versions may be missing, unknown ones are passed over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from clawsite.core.errors import BadInput

FINGERPRINT_CHARS = 64
MOST_ALERTS = 10_000
MOST_TRUNCATED = 1_000_000_000
REPEAT = "repeat interval elapsed"

Texts = dict[str, str]


class _Alert(msgspec.Struct, rename="camel"):
    status: str = ""
    labels: Texts = {}
    annotations: Texts = {}
    starts_at: str = ""
    ends_at: str = ""
    generator_url: str = msgspec.field(default="", name="generatorURL")
    fingerprint: str = ""


class _Body(msgspec.Struct, rename="camel"):
    group_key: str
    alerts: list[_Alert]
    group_labels: Texts = {}
    common_labels: Texts = {}
    common_annotations: Texts = {}
    external_url: str = msgspec.field(default="", name="externalURL")
    truncated_alerts: int = 0
    notification_reason: str = msgspec.field(default="", name="notification_reason")


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertNews:
    """What a delivery says of one alert."""

    fingerprint: str
    firing: bool
    labels: Texts
    annotations: Texts
    generator_url: str
    starts_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupNews:
    """What a delivery says of one group. `truncated` alerts are not in it."""

    group_key: str
    alerts: tuple[AlertNews, ...]
    group_labels: Texts
    labels: Texts
    annotations: Texts
    external_url: str = ""
    truncated: int = 0
    reason: str = ""


def parse_body(body: str, *, now: datetime) -> GroupNews:
    """Return what a stored delivery says; BadInput when it is not Alertmanager's. `now` stands in for bad times."""
    try:
        raw = msgspec.convert(_clean(json.loads(body)), _Body)
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise BadInput(f"This is not a webhook of Alertmanager: {str(error)[:150]}") from None
    if len(raw.alerts) > MOST_ALERTS:
        raise BadInput(f"A delivery has at most {MOST_ALERTS} alerts.")
    newest = {each.fingerprint: each for each in (_read_alert(alert, now) for alert in raw.alerts)}
    return GroupNews(
        group_key=raw.group_key,
        alerts=tuple(newest.values()),
        group_labels=raw.group_labels,
        labels=raw.common_labels,
        annotations=raw.common_annotations,
        external_url=raw.external_url,
        truncated=min(max(0, raw.truncated_alerts), MOST_TRUNCATED),
        reason=raw.notification_reason,
    )


def _read_alert(raw: _Alert, now: datetime) -> AlertNews:
    ends = read_time(raw.ends_at)
    firing = raw.status != "resolved"
    return AlertNews(
        fingerprint=raw.fingerprint[:FINGERPRINT_CHARS] or fingerprint_of(raw.labels),
        firing=firing,
        labels=raw.labels,
        annotations=raw.annotations,
        generator_url=raw.generator_url,
        starts_at=read_time(raw.starts_at) or now,
        ends_at=None if firing else (ends or now),
    )


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """Return a fingerprint where the sender gave none: of the labels alone, which are the alert."""
    return hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()[:FINGERPRINT_CHARS]


def read_time(text: str) -> datetime | None:
    """Return a time of RFC 3339; None for the year 1, by which Go says that there is none, and for what is no time."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC) if 1 < moment.year < 9999 else None
    except (ValueError, OverflowError):
        return None


def _clean(value: Any) -> Any:
    """Return JSON whose texts can be stored in any database."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_clean(each) for each in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(each) for key, each in value.items()}
    return value
