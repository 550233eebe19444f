"""From a secret to a principal. The environment's token is a full operator; others are rows, cached for a moment."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from clawsite.core.crypto import same_secret
from clawsite.core.db import run_db_first
from clawsite.gateway.principal import ALL_SCOPES, Principal, Scope, expand
from clawsite.gateway.tokens import digest_of, is_wellformed
from clawsite.models import GatewayToken

KEEP_SECONDS = 30.0
MOST_KEPT = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What a right token gives. `token_id` is None for the environment's."""

    subject: str
    owner: str
    name: str
    scopes: frozenset[Scope]
    token_id: int | None = None
    user_id: int | None = None
    expires_at: datetime | None = None

    def is_live(self) -> bool:
        """Tell whether it has not expired."""
        return self.expires_at is None or self.expires_at > timezone.now()

    def ask(self, requested: Sequence[str] | None) -> tuple[Principal, list[str]]:
        """Return who a connection with this token is, and the scopes it has in the words in which it asked."""
        asked = [str(scope) for scope in Scope if scope in self.scopes] if requested is None else list(requested)
        scopes = expand(asked) & self.scopes
        shown = [name for name in dict.fromkeys(asked) if name in self.scopes]
        if expand(shown) != scopes:
            shown = [str(scope) for scope in Scope if scope in scopes]
        principal = Principal(
            subject=self.subject,
            owner=self.owner,
            name=self.name,
            granted=self.scopes,
            scopes=scopes,
            user_id=self.user_id,
        )
        return principal, shown


class Grants:
    """The tokens that were used lately."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Grant]] = {}
        self._used: set[int] = set()
        self._version = 0

    async def find(self, secret: str) -> Grant | None:
        """Return what a secret gives, or None; reads the database at most once in half a minute for a right one."""
        if same_secret(secret, settings.CLAW_GATEWAY_TOKEN):
            return Grant(subject="env", owner="env", name="CLAW_GATEWAY_TOKEN", scopes=ALL_SCOPES)
        if not is_wellformed(secret):
            return None
        digest = digest_of(secret)
        at, kept = self._kept.get(digest, (0.0, None))
        if kept is None or time.monotonic() - at > KEEP_SECONDS:
            kept = await self._read(digest)
            self._keep(digest, kept)
        if kept is None or not kept.is_live():
            return None
        self._used.add(kept.token_id or 0)
        return kept

    async def _read(self, digest: str) -> Grant | None:
        """Return what a row gives: as it was when no change was told while it was read."""
        while True:
            version = self._version
            found = await run_db_first(_find_grant, digest)
            if version == self._version:
                return found

    def take_used(self) -> set[int]:
        """Return the tokens that opened something since the last call."""
        used, self._used = self._used, set()
        return used

    def forget(self) -> None:
        """Read again from here on: a token was changed."""
        self._version += 1
        self._kept.clear()

    def _keep(self, digest: str, grant: Grant | None) -> None:
        self._kept.pop(digest, None)
        if grant is not None:
            if len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[digest] = (time.monotonic(), grant)


def _find_grant(digest: str) -> Grant | None:
    token = GatewayToken.objects.live().select_related("user").filter(digest=digest).first()
    if token is None or not hmac.compare_digest(token.digest, digest):
        return None
    if token.user is not None and not token.user.is_active:
        return None
    return Grant(
        subject=token.subject,
        owner=token.owner,
        name=token.name,
        scopes=expand(token.scopes),
        token_id=token.pk,
        user_id=token.user_id,
        expires_at=token.expires_at,
    )


def find_dead_tokens(ids: Iterable[int]) -> set[int]:
    """Return which of these tokens open nothing any more."""
    wanted = set(ids)
    live = GatewayToken.objects.live().filter(pk__in=wanted).exclude(user__is_active=False)
    return wanted - set(live.values_list("pk", flat=True))


def note_use(ids: Iterable[int]) -> None:
    """Write down that these tokens were used now."""
    GatewayToken.objects.filter(pk__in=set(ids)).update(last_used_at=timezone.now())


grants = Grants()
