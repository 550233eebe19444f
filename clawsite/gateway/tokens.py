"""What is done with tokens: make, revoke, rotate. Each is one transaction with its audit row and a nudge."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.errors import BadInput
from clawsite.core.nudge import nudge_on_commit
from clawsite.gateway.principal import Scope
from clawsite.models import GatewayToken

OVERLAP = timedelta(hours=24)
MOST_LIVE = 1000
# How many of those that have ended a list has: programs that take a token for each task leave very many.
MOST_ENDED = 500
_FORM = re.compile(r"claw_([0-9a-z]{8})_[A-Za-z0-9_-]{43}")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def digest_of(secret: str) -> str:
    """Return what is stored of a token. Its 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_wellformed(secret: str) -> bool:
    """Tell whether this could be one of our tokens."""
    return _FORM.fullmatch(secret) is not None


def parse_scopes(names: Iterable[str]) -> list[str]:
    """Return the scopes in their order; both `read` and `operator.read` are understood."""
    wanted = {name if name.startswith("operator.") else f"operator.{name}" for name in names if name}
    unknown = wanted - {str(scope) for scope in Scope}
    if unknown or not wanted:
        known = ", ".join(str(scope).removeprefix("operator.") for scope in Scope)
        raise BadInput(f"There is no scope {', '.join(sorted(unknown)) or 'given'}. Scopes: {known}.")
    return [str(scope) for scope in Scope if str(scope) in wanted]


def parse_span(text: str) -> timedelta:
    """Return a span such as 90m, 12h, 30d or 4w."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text.strip().lower())
    if found is None:
        raise BadInput("Write a span of time such as 90m, 12h, 30d or 4w.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def expires_after(span: str) -> datetime | None:
    """Return when a token made now ends; "" is never."""
    return timezone.now() + parse_span(span) if span.strip() else None


def list_tokens() -> list[GatewayToken]:
    """Return all tokens that open a connection now and the last of the others, newest first."""
    live = list(GatewayToken.objects.live().select_related("user"))
    ended = GatewayToken.objects.exclude(pk__in=[token.pk for token in live]).select_related("user")
    return sorted([*live, *ended.order_by("-pk")[:MOST_ENDED]], key=lambda token: token.pk, reverse=True)


def describe_token(token: GatewayToken) -> dict[str, Any]:
    """Return a token as programs see it; its secret is nowhere."""
    row = {
        "id": token.pk,
        "name": token.name,
        "prefix": token.prefix,
        "scopes": token.scopes,
        "userId": token.user_id,
        "createdBy": token.created_by,
        "createdAtMs": _ms(token.created_at),
        "expiresAtMs": _ms(token.expires_at),
        "lastUsedAtMs": _ms(token.last_used_at),
        "revokedAtMs": _ms(token.revoked_at),
        "replacedBy": token.replaced_by_id,
        "state": token.state,
    }
    return {name: value for name, value in row.items() if value is not None}


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


def create_token(
    name: str,
    *,
    scopes: Iterable[str],
    actor: str,
    user_id: int | None = None,
    expires_at: datetime | None = None,
    origin: str = "",
) -> tuple[GatewayToken, str]:
    """Make a token; return its row and the secret, which nobody can read again."""
    if not name.strip() or len(name) > 64 or not name.isprintable():
        raise BadInput("A token needs a name of at most 64 characters.")
    with transaction.atomic():
        if GatewayToken.objects.live().count() >= MOST_LIVE:
            raise BadInput(f"There are {MOST_LIVE} tokens already. Revoke some.")
        token, secret = _make(name.strip(), parse_scopes(scopes), user_id=user_id, expires_at=expires_at, actor=actor)
        data = {"scopes": token.scopes, "expires_at": expires_at.isoformat() if expires_at else None}
        audit.record("token.create", actor=actor, subject=token.subject, origin=origin, name=name, **data)
    return token, secret


def revoke_token(token: GatewayToken, *, actor: str, origin: str = "") -> None:
    """End a token and its connections, at once; again is nothing."""
    with transaction.atomic():
        rows = GatewayToken.objects.filter(pk=token.pk, revoked_at=None)
        if rows.update(revoked_at=timezone.now()):
            audit.record("token.revoke", actor=actor, subject=token.subject, origin=origin, name=token.name)
        nudge_on_commit("token", token=token.pk)
    token.refresh_from_db()


def check_tokens_again(user_id: int) -> None:
    """Have the tokens of an account looked at: they open nothing while it is not active. In a transaction."""
    for pk in GatewayToken.objects.live().filter(user_id=user_id).values_list("pk", flat=True):
        nudge_on_commit("token", token=pk)


def rotate_token(
    token: GatewayToken, *, actor: str, overlap: timedelta = OVERLAP, origin: str = ""
) -> tuple[GatewayToken, str]:
    """Make a successor that lasts as long, may do the same and has the same sessions and jobs.

    The old one stays valid for the overlap. Returns the new row and its secret.
    """
    now = timezone.now()
    with transaction.atomic():
        old = GatewayToken.objects.select_for_update().get(pk=token.pk)
        if not old.is_live(now) or old.replaced_by_id is not None:
            raise BadInput("This token is not in use any more; make a new one.")
        life = old.expires_at - old.created_at if old.expires_at else None
        ends_new = now + life if life else None
        first = old.first or old.pk
        new, secret = _make(old.name, old.scopes, user_id=old.user_id, expires_at=ends_new, actor=actor, first=first)
        ends = now + overlap
        old.expires_at = min(old.expires_at, ends) if old.expires_at else ends
        old.replaced_by = new
        old.save(update_fields=["expires_at", "replaced_by"])
        audit.record("token.rotate", actor=actor, subject=old.subject, origin=origin, name=old.name, new=new.pk)
        nudge_on_commit("token", token=old.pk)
    return new, secret


def _make(
    name: str,
    scopes: list[str],
    *,
    user_id: int | None,
    expires_at: datetime | None,
    actor: str,
    first: int | None = None,
) -> tuple[GatewayToken, str]:
    prefix = secrets.token_hex(4)
    secret = f"claw_{prefix}_{secrets.token_urlsafe(32)}"
    token = GatewayToken.objects.create(
        name=name,
        prefix=f"claw_{prefix}",
        digest=digest_of(secret),
        scopes=scopes,
        user_id=user_id,
        expires_at=expires_at,
        created_by=actor,
        first=first,
    )
    return token, secret
