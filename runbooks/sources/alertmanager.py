"""Questions to a system's Alertmanager, and silences made there. Its HTTP API, version 2."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from clawsite.core.errors import BadInput
from guardrails.http import Reply
from runbooks.models import MonitoredSystem
from runbooks.sources.client import SECONDS, ask, check_status, is_served

T = TypeVar("T")

SOURCE = "alertmanager"
ALERTS = "/api/v2/alerts"
SILENCES = "/api/v2/silences"
# Alertmanager keeps times to the millisecond.
_CLOSE = timedelta(milliseconds=2)
_MOST_ERROR = 200
_GONE = (b"already expired", b"not found")


class Matcher(msgspec.Struct, frozen=True, kw_only=True, rename={"is_regex": "isRegex", "is_equal": "isEqual"}):
    """What a silence holds for: alerts whose label has this value."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


class AlertStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether people are told: active, or suppressed by the named silences or alerts."""

    state: str
    silenced_by: list[str] = []
    inhibited_by: list[str] = []


class ListedAlert(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An alert as Alertmanager has it now."""

    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: Annotated[datetime, Meta(tz=True)]
    status: AlertStatus
    generator_url: str = msgspec.field(name="generatorURL", default="")

    @property
    def name(self) -> str:
        """What it is called."""
        return self.labels.get("alertname", "")

    @property
    def severity(self) -> str:
        """Its severity in its own words; empty when it has none."""
        return self.labels.get("severity", "")


class _SilenceStatus(msgspec.Struct):
    state: str


class _Silence(msgspec.Struct, kw_only=True, rename="camel"):
    matchers: list[Matcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str


class _Known(msgspec.Struct, kw_only=True, rename="camel"):
    id: str
    comment: str
    ends_at: Annotated[datetime, Meta(tz=True)]
    status: _SilenceStatus


class _Made(msgspec.Struct):
    silenceID: str


def list_alerts(system: MonitoredSystem, *, seconds: float = SECONDS) -> list[ListedAlert]:
    """Return the alerts that fire, silenced and inhibited ones among them, oldest first."""
    return parse_alerts(ask(system, SOURCE, ALERTS, seconds=seconds))


def parse_alerts(reply: Reply) -> list[ListedAlert]:
    """Return the alerts that an answer tells, oldest first; BadInput when it is none."""
    check_status(reply, SOURCE)
    return sorted(_decode(reply, list[ListedAlert]), key=lambda alert: alert.starts_at)


def create_silence(
    system: MonitoredSystem,
    matchers: Iterable[Matcher],
    starts_at: datetime,
    ends_at: datetime,
    author: str,
    comment: str,
) -> str:
    """Make a silence and return its id. Not repeated by itself, because a second one would be another silence.

    Raises BadInput with what Alertmanager says against it (no matcher, an end that is over).
    """
    silence = _Silence(
        matchers=list(matchers),
        starts_at=starts_at.astimezone(UTC),
        ends_at=ends_at.astimezone(UTC),
        created_by=author,
        comment=comment,
    )
    body = msgspec.json.encode(silence)
    reply = ask(system, SOURCE, SILENCES, method="POST", body=body, repeatable=False)
    _check(reply)
    return _decode(reply, _Made).silenceID


def find_silence(system: MonitoredSystem, *, mark: str, ends_at: datetime) -> str:
    """Return the id of a silence whose comment ends in a mark, with this end, that is not over; "" without one."""
    reply = ask(system, SOURCE, SILENCES)
    _check(reply)
    known = _decode(reply, list[_Known])
    same = (each for each in known if each.comment.endswith(mark) and abs(each.ends_at - ends_at) < _CLOSE)
    return next((each.id for each in same if each.status.state != "expired"), "")


def expire_silence(system: MonitoredSystem, silence_id: str) -> None:
    """End a silence now. One that is over or unknown is no error: it does not silence any more."""
    try:
        known = uuid.UUID(silence_id)
    except ValueError:
        raise BadInput("This is not the id of a silence.") from None
    reply = ask(system, SOURCE, f"/api/v2/silence/{known}", method="DELETE", is_answer=_is_about_a_silence)
    if not _is_over(reply):
        _check(reply)


def _is_over(reply: Reply) -> bool:
    """Tell whether there is no such silence any more, which older ones answer as an error of their own."""
    return reply.status == 404 or (reply.status == 500 and any(word in reply.body for word in _GONE))


def _is_about_a_silence(reply: Reply) -> bool:
    return _is_over(reply) or is_served(reply)


def _check(reply: Reply) -> None:
    """Raise BadInput for a refusal, with Alertmanager's own words."""
    if reply.status in (400, 422):
        raise BadInput(f"Alertmanager does not take this: {_words(reply)[:_MOST_ERROR]}")
    check_status(reply, SOURCE)


def _words(reply: Reply) -> str:
    """Return what a refusal says, which is a JSON text or an object with a message."""
    try:
        said = reply.json()
    except BadInput:
        said = reply.text
    return str(said.get("message", "") if isinstance(said, dict) else said)


def _decode(reply: Reply, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except msgspec.MsgspecError:
        raise BadInput("What answers there is not Alertmanager.") from None
