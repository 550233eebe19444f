"""What an owner may do now, without a connection: for work that goes on in their name after they have left.

Invariant: it is read from rows at the moment of asking, so what was revoked gives nothing from then on.
"""

from __future__ import annotations

from django.conf import settings
from django.db.models import Q

from clawsite.core.errors import NotAllowed
from clawsite.gateway.principal import ALL_SCOPES, Principal, Scope, expand
from clawsite.models import GatewayToken

ENV = "env"


def find_principal(owner: str) -> Principal | None:
    """Return an owner with all that their live tokens grant; None when none of them is live any more."""
    if owner == ENV:
        scopes = ALL_SCOPES if settings.CLAW_GATEWAY_TOKEN else frozenset()
        return _principal(owner, subject=ENV, name="CLAW_GATEWAY_TOKEN", scopes=scopes, user_id=None)
    tokens = _live_tokens(owner)
    if not tokens:
        return None
    scopes = frozenset[Scope]().union(*(expand(token.scopes) for token in tokens))
    newest = tokens[0]
    return _principal(owner, subject=newest.subject, name=newest.name, scopes=scopes, user_id=newest.user_id)


def access_writer(owner: str) -> Principal:
    """Return an owner who may write in conversations now; NotAllowed says that they may not."""
    found = find_principal(owner)
    if found is None or Scope.WRITE not in found.granted:
        raise NotAllowed(f"{owner[:64]!r} has no live token that may write over the gateway.")
    return found


def _principal(owner: str, *, subject: str, name: str, scopes: frozenset[Scope], user_id: int | None) -> Principal:
    return Principal(subject=subject, owner=owner, name=name, granted=scopes, scopes=scopes, user_id=user_id)


def _live_tokens(owner: str) -> list[GatewayToken]:
    """Return an owner's tokens that open a connection, newest first."""
    kind, _, text = owner.partition(":")
    if not text.isdecimal() or len(text) > 18:
        return []
    live = GatewayToken.objects.live().order_by("-id")
    if kind == "user":
        return list(live.filter(user_id=int(text), user__is_active=True))
    chain = Q(pk=int(text), first=None) | Q(first=int(text))
    return list(live.filter(chain, user=None)) if kind == "token" else []
