"""Which devices are let in. A new one that comes straight from this machine with a right token is; any other waits
for an admin, as people who write to the bot do. What a device was approved for is asked again when it wants more.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.gateway.hello import ConnectParams, Device, Refusal
from clawsite.gateway.paired import tell
from clawsite.gateway.principal import Scope, expand
from clawsite.models import GatewayDevice
from clawsite.rpc import codes
from guardrails.types import Actor
from sessions_app.contacts import ALPHABET, CODE_LENGTH, CODE_MINUTES, require_admin

MOST_PENDING = 200
SEEN_EVERY = timedelta(minutes=1)
BLOCKED, NOT_PAIRED, ROLE, SCOPE = "denied", "not-paired", "role-upgrade", "scope-upgrade"
_SAID = {
    BLOCKED: "pairing required: device was denied",
    NOT_PAIRED: "pairing required",
    ROLE: "pairing required: device is asking for a higher role than currently approved",
    SCOPE: "pairing required: device is asking for more scopes than currently approved",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """What a device wants: a role and the scopes that its token gives to this connection."""

    params: ConnectParams
    device: Device
    scopes: frozenset[Scope]
    address: str
    local: bool


def admit_device(ask: Ask) -> None:
    """Let a device in, or note that it asks and raise Refusal. One transaction."""
    try:
        _admit(ask)
    except IntegrityError:  # another connection of a device that was unknown was first: now it is known
        _admit(ask)


def _admit(ask: Ask) -> None:
    with transaction.atomic():
        row = GatewayDevice.objects.select_for_update().filter(device_id=ask.device.id).first()
        reason = _find_reason(row, ask)
        if reason == "":
            _touch(row, ask)
            return
        if ask.local and reason != BLOCKED:
            _approve(row or _make(ask), role=ask.params.role, scopes=_names(ask.scopes), actor="loopback")
            return
        row = _request(row, ask) if reason != BLOCKED else row
    raise _refuse(row, ask, reason)


def _find_reason(row: GatewayDevice | None, ask: Ask) -> str:
    """Return why a device has to wait, or ""."""
    if row is None:
        return NOT_PAIRED
    if row.state == GatewayDevice.State.BLOCKED:
        return BLOCKED
    if row.state != GatewayDevice.State.APPROVED:
        return NOT_PAIRED
    if ask.params.role not in row.roles:
        return ROLE
    return "" if ask.scopes <= expand(row.scopes) else SCOPE


def _make(ask: Ask) -> GatewayDevice:
    client = ask.params.client
    return GatewayDevice(
        device_id=ask.device.id,
        public_key=ask.device.public_key,
        name=_printable(client.display_name or client.id),
        platform=_printable(client.platform),
        address=ask.address[:64],
    )


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:64]


def _names(scopes: frozenset[Scope]) -> list[str]:
    return [str(scope) for scope in Scope if scope in scopes]


def _touch(row: GatewayDevice | None, ask: Ask) -> None:
    now = timezone.now()
    if row is not None and now - row.seen_at > SEEN_EVERY:
        GatewayDevice.objects.filter(pk=row.pk).update(seen_at=now, address=ask.address[:64])


def _request(row: GatewayDevice | None, ask: Ask) -> GatewayDevice:
    """Note what a device asks for; the code stays the same while it asks for the same, of which is told once."""
    now = timezone.now()
    if row is None:
        _forget_old()
        row = _make(ask)
    same = (row.requested_role, row.requested_scopes) == (ask.params.role, _names(ask.scopes))
    is_known = bool(row.code) and same and row.expires_at is not None and row.expires_at > now
    if not is_known:
        row.code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        row.request_id = str(uuid.uuid4())
        row.requested_role, row.requested_scopes = ask.params.role, _names(ask.scopes)
        row.expires_at = now + timedelta(minutes=CODE_MINUTES)
    row.seen_at = now
    row.save()
    if not is_known:
        tell(row)
    return row


def _forget_old() -> None:
    """Make room: of the devices that only asked, the oldest go first."""
    waiting = GatewayDevice.objects.filter(state=GatewayDevice.State.PENDING).order_by("-id")
    GatewayDevice.objects.filter(pk__in=list(waiting.values_list("pk", flat=True)[MOST_PENDING:])).delete()


def _approve(row: GatewayDevice, *, role: str, scopes: list[str], actor: str, origin: str = "") -> None:
    row.state = GatewayDevice.State.APPROVED
    row.roles = sorted({*row.roles, role})
    row.scopes = _names(expand({*row.scopes, *scopes}))
    row.code, row.request_id, row.requested_role, row.requested_scopes, row.expires_at = "", "", "", [], None
    row.decided_by, row.decided_at = actor, timezone.now()
    row.save()
    audit.record("device.approve", actor=actor, subject=row.subject, origin=origin, role=role, scopes=row.scopes)


def find_request(code: str) -> GatewayDevice | None:
    """Return the device that asks under a code or a request id, or None."""
    given = code.strip()
    waiting = GatewayDevice.objects.waiting()
    found = waiting.filter(code=given.upper().replace("-", "").replace(" ", "")[:16] or "-").first()
    return found or waiting.filter(request_id=given[:36] or "-").first()


def approve_device(
    code: str, *, actor: Actor, holding: frozenset[Scope] = frozenset(), origin: str = ""
) -> GatewayDevice:
    """Give a device what it asked for; BadInput when the code is unknown, used or too old.

    `holding`: the scopes of a caller's connection, without which an admin decides. Nobody gives what they do not hold,
    whatever else their token may do: a device that was let in for pairing alone could give itself the rest.
    """
    _check_decider(actor, holding)
    with transaction.atomic():
        row = _take(code)
        if holding and not expand(row.requested_scopes) <= expand(holding):
            raise NotAllowed("device pairing approval denied: it asks for more than you have")
        request = row.request_id
        _approve(row, role=row.requested_role, scopes=row.requested_scopes, actor=actor.subject, origin=origin)
        tell(row, decision="approved", request=request)
    return row


def deny_device(code: str, *, actor: Actor, holding: frozenset[Scope] = frozenset(), origin: str = "") -> GatewayDevice:
    """Do not give it: a device that nobody had approved is blocked, another keeps what it has."""
    _check_decider(actor, holding)
    with transaction.atomic():
        row = _take(code)
        request = row.request_id
        if row.state == GatewayDevice.State.PENDING:
            row.state = GatewayDevice.State.BLOCKED
        row.code, row.request_id, row.requested_role, row.requested_scopes, row.expires_at = "", "", "", [], None
        row.decided_by, row.decided_at = actor.subject, timezone.now()
        row.save()
        audit.record("device.deny", actor=actor.subject, subject=row.subject, origin=origin)
        tell(row, decision="rejected", request=request)
    return row


def _check_decider(actor: Actor, holding: frozenset[Scope]) -> None:
    if Scope.PAIRING not in holding:
        require_admin(actor)


def _take(code: str) -> GatewayDevice:
    found = find_request(code)
    row = GatewayDevice.objects.select_for_update().filter(pk=found.pk, code=found.code).first() if found else None
    if row is None:
        raise BadInput("This code is unknown, used or too old.")
    return row


def _refuse(row: GatewayDevice | None, ask: Ask, reason: str) -> Refusal:
    waits = reason != BLOCKED
    details = {
        "code": "PAIRING_REQUIRED",
        "reason": reason,
        "requestId": row.request_id if row is not None and waits else "",
        "pairingCode": row.shown if row is not None and waits else "",
        "remediationHint": "Ask an admin to approve the device: manage.py pair approve CODE, or its admin page.",
        "recommendedNextStep": "wait_then_retry" if waits else "review_auth_configuration",
        "retryable": waits,
        "pauseReconnect": not waits,
        "deviceId": ask.device.id,
        "requestedRole": ask.params.role,
        "requestedScopes": _names(ask.scopes),
        "approvedRoles": row.roles if row is not None else [],
        "approvedScopes": row.scopes if row is not None else [],
    }
    text = _SAID[reason]
    if row is not None and waits:
        text = f"{text} (code: {row.shown}, requestId: {row.request_id})"
    return Refusal(codes.NOT_PAIRED, text, details=details, retryable=waits)
