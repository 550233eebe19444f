"""What becomes of devices that are known: how they are shown, named, shut out and forgotten. Asking is `pairing`."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.errors import BadInput
from clawsite.core.nudge import nudge_on_commit
from clawsite.gateway.rows import to_ms
from clawsite.models import GatewayDevice
from guardrails.types import Actor
from sessions_app.contacts import require_admin

MOST_SHOWN = 500
NAME_CHARS = 64


def tell(row: GatewayDevice, *, change: str = "", decision: str = "", request: str = "") -> None:
    """Tell the gateway's processes that a device asks, or that its request was decided, or what else has changed."""
    news = {"change": change, "decision": decision, "request": request}
    nudge_on_commit("device", device=row.pk, id=row.device_id, **{key: value for key, value in news.items() if value})


def find_blocked(device_ids: set[str]) -> set[str]:
    """Return which of these devices are let in no more."""
    rows = GatewayDevice.objects.filter(device_id__in=device_ids, state=GatewayDevice.State.APPROVED)
    return device_ids - set(rows.values_list("device_id", flat=True))


def find_device(device_id: str) -> GatewayDevice | None:
    """Return a device by the id that its key gives it, or None."""
    return GatewayDevice.objects.filter(device_id=device_id[:64] or "-").first()


def list_devices(connected: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Return who asks, who was let in and who is shut out, newest first, in the words of the protocol's clients."""
    rows, states = GatewayDevice.objects.all(), GatewayDevice.State
    return {
        "pending": [describe_request(row) for row in rows.waiting()[:MOST_SHOWN]],
        "paired": [describe_device(row, connected) for row in rows.filter(state=states.APPROVED)[:MOST_SHOWN]],
        "blocked": [describe_device(row, connected) for row in rows.filter(state=states.BLOCKED)[:MOST_SHOWN]],
    }


def describe_request(row: GatewayDevice) -> dict[str, Any]:
    """Return what a device asks for."""
    asked = {
        "requestId": row.request_id,
        "role": row.requested_role,
        "roles": [row.requested_role],
        "scopes": row.requested_scopes,
        "ts": to_ms(row.seen_at),
    }
    return _identify(row) | asked


def describe_device(row: GatewayDevice, connected: set[str]) -> dict[str, Any]:
    """Return a device as it is known; its key is no secret."""
    known = {
        "roles": row.roles,
        "scopes": row.scopes,
        "createdAtMs": to_ms(row.created_at),
        "lastSeenAtMs": to_ms(row.seen_at),
        "connected": row.device_id in connected,
    }
    decided = {"approvedAtMs": to_ms(row.decided_at)} if row.state == GatewayDevice.State.APPROVED else {}
    return _identify(row) | known | decided


def _identify(row: GatewayDevice) -> dict[str, Any]:
    said = {"displayName": row.name, "platform": row.platform, "remoteIp": row.address}
    known = {"deviceId": row.device_id, "publicKey": row.public_key}
    return known | {name: value for name, value in said.items() if value}


def rename_device(row: GatewayDevice, name: str, *, actor: Actor, origin: str = "") -> None:
    """Give a device the name by which people know it."""
    require_admin(actor)
    given = name.strip()
    if not given or len(given) > NAME_CHARS or not given.isprintable():
        raise BadInput(f"A device needs a name of at most {NAME_CHARS} characters.")
    with transaction.atomic():
        GatewayDevice.objects.filter(pk=row.pk).update(name=given)
        audit.record("device.rename", actor=actor.subject, subject=row.subject, origin=origin, name=given)
        tell(row, change="renamed")
    row.refresh_from_db()


def block_device(row: GatewayDevice, *, actor: Actor, origin: str = "") -> None:
    """Shut a device out and close its connections."""
    require_admin(actor)
    with transaction.atomic():
        changed = {"state": GatewayDevice.State.BLOCKED, "roles": [], "scopes": [], "code": ""}
        GatewayDevice.objects.filter(pk=row.pk).update(**changed, decided_by=actor.subject, decided_at=timezone.now())
        audit.record("device.block", actor=actor.subject, subject=row.subject, origin=origin)
        tell(row, change="blocked")
    row.refresh_from_db()


def remove_device(row: GatewayDevice, *, actor: Actor, origin: str = "") -> None:
    """Forget a device and close its connections; it may ask again, also one that was blocked."""
    require_admin(actor)
    with transaction.atomic():
        audit.record("device.remove", actor=actor.subject, subject=row.subject, origin=origin, name=row.name)
        tell(row, change="removed")
        GatewayDevice.objects.filter(pk=row.pk).delete()
