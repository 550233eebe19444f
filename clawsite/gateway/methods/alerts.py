"""alerts.*: what fires, what happened to it, and who has it. Alerts are of the systems, so all who may read see all."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from msgspec import Meta

from clawsite.core.db import run_db, run_tx
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from clawsite.gateway.rows import to_ms
from runbooks.alerts import silencing
from runbooks.alerts.actions import acknowledge, get_group, release
from runbooks.models import Alert, AlertEvent, AlertGroup, AlertSilence

ORIGIN = "gateway"
MAX_LIMIT, MOST_ALERTS, MOST_EVENTS = 200, 200, 200

Id = Annotated[int, Meta(ge=1, le=2**53)]


class ListParams(Params):
    """Which groups, the newest first; `cursor` is the last answer's nextCursor."""

    state: Literal["firing", "resolved", ""] = "firing"
    severity: Literal["critical", "warning", "info", ""] = ""
    system: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = 50
    cursor: Annotated[str, Meta(max_length=24, pattern=r"^[0-9]{0,18}$")] = ""


class OneParams(Params):
    """One group by its number."""

    id: Id


class SilenceParams(Params):
    """A group, and for how long."""

    id: Id
    minutes: Annotated[int, Meta(ge=1, le=7 * 24 * 60)] = 60


@method("alerts.list", scope=Scope.READ, params=ListParams, summary="Lists groups of alerts.")
async def list_(call: Call, params: ListParams) -> dict[str, Any]:
    """Return a page, and the cursor of the next one if this one is full."""
    return await run_db(_list, params)


def _list(params: ListParams) -> dict[str, Any]:
    rows = list(_wanted(params).order_by("-id")[: params.limit])
    more = {"nextCursor": str(rows[-1].pk)} if len(rows) == params.limit else {}
    return {"alerts": [_row(each) for each in rows]} | more


def _wanted(params: ListParams) -> QuerySet[AlertGroup]:
    asked = {"state": params.state, "severity": params.severity, "system__name": params.system}
    rows = AlertGroup.objects.select_related("system").filter(**{name: value for name, value in asked.items() if value})
    return rows.filter(pk__lt=int(params.cursor)) if params.cursor.isdecimal() else rows


@method("alerts.get", scope=Scope.READ, params=OneParams, summary="One group with its alerts and its story.")
async def get(call: Call, params: OneParams) -> dict[str, Any]:
    """Return labels and annotations of the group and of its alerts, and what happened to it, oldest first."""
    return await run_db(_get, call.principal, params.id)


def _get(principal: Principal, number: int) -> dict[str, Any]:
    group = get_group(number, actor=principal.actor)
    alerts = group.alerts.order_by("state", "pk")[:MOST_ALERTS]
    events = list(group.events.order_by("-id")[:MOST_EVENTS])[::-1]
    return {"alert": _whole(group) | {"alerts": [_one(each) for each in alerts], "events": [_event(e) for e in events]}}


@method("alerts.ack", scope=Scope.WRITE, params=OneParams, summary="Takes an alert on, so that nobody else is called.")
async def ack(call: Call, params: OneParams) -> dict[str, Any]:
    """Return the group; who comes second hears that somebody has it."""
    return {"alert": await run_tx(_ack, call.principal, params.id)}


def _ack(principal: Principal, number: int) -> dict[str, Any]:
    return _whole(acknowledge(number, actor=principal.actor, origin=ORIGIN))


@method("alerts.unack", scope=Scope.WRITE, params=OneParams, summary="Lets go of an alert, which is escalated anew.")
async def unack(call: Call, params: OneParams) -> dict[str, Any]:
    """Return the group."""
    return {"alert": await run_tx(_unack, call.principal, params.id)}


def _unack(principal: Principal, number: int) -> dict[str, Any]:
    return _whole(release(number, actor=principal.actor, origin=ORIGIN))


@method("alerts.silence", scope=Scope.WRITE, params=SilenceParams, summary="Keeps an alert silent for a while.")
async def silence(call: Call, params: SilenceParams) -> dict[str, Any]:
    """Return the silence; Alertmanager is told by a job."""
    return {"silence": await run_tx(_silence, call.principal, params)}


def _silence(principal: Principal, params: SilenceParams) -> dict[str, Any]:
    length = timedelta(minutes=params.minutes)
    return _silent(silencing.silence(params.id, length=length, actor=principal.actor, origin=ORIGIN))


@method("alerts.unsilence", scope=Scope.WRITE, params=OneParams, summary="Takes a silence back.")
async def unsilence(call: Call, params: OneParams) -> dict[str, Any]:
    """Return the silence. `id` is the silence's own."""
    return {"silence": await run_tx(_unsilence, call.principal, params.id)}


def _unsilence(principal: Principal, number: int) -> dict[str, Any]:
    return _silent(silencing.undo(number, actor=principal.actor, origin=ORIGIN))


def _silent(row: AlertSilence) -> dict[str, Any]:
    return {"id": row.pk, "alert": row.group_id, "state": row.state, "endsAtMs": to_ms(row.ends_at)}


def _row(group: AlertGroup) -> dict[str, Any]:
    return {
        "id": group.pk,
        "title": group.title,
        "state": group.state,
        "severity": group.severity,
        "system": group.system.name if group.system else None,
        "firing": group.firing,
        "ended": group.ended,
        "ackedBy": group.acked_name or group.acked_by or None,
        "ackedAtMs": to_ms(group.acked_at),
        "startedAtMs": to_ms(group.started_at),
        "resolvedAtMs": to_ms(group.resolved_at),
        "incident": group.incident_id,
    }


def _whole(group: AlertGroup) -> dict[str, Any]:
    return _row(group) | {"labels": group.labels, "annotations": group.annotations, "truncated": group.truncated}


def _one(alert: Alert) -> dict[str, Any]:
    return {
        "fingerprint": alert.fingerprint,
        "state": alert.state,
        "severity": alert.severity,
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAtMs": to_ms(alert.starts_at),
        "endsAtMs": to_ms(alert.ends_at),
    }


def _event(event: AlertEvent) -> dict[str, Any]:
    return {"atMs": to_ms(event.at), "kind": event.kind, "text": event.text, "actor": event.actor, "data": event.data}
