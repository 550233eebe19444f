"""From rows to what the client knows a gateway as. A token leaves the row only inside a `StoredToken`."""

from __future__ import annotations

from dataclasses import dataclass, field

from clawsite.core.crypto import LostSecret
from clawsite.rpc.errors import BadTarget
from clawsite.rpc.target import GatewayTarget as Target
from clawsite.rpc.target import TlsOptions
from clawsite.rpc.tokens import TokenRef, read_token
from runbooks.models import GatewayTarget


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token reference that holds the token itself: equal for equal tokens, so that a new one is noticed."""

    value: str = field(repr=False)
    is_lost: bool = False

    def __call__(self) -> str:
        """Return the token; BadTarget when no key opens what is stored."""
        if self.is_lost:
            raise BadTarget("The stored token cannot be decrypted; enter it anew.")
        return self.value


def to_target(row: GatewayTarget) -> Target:
    """Return the target of a row; BadTarget when it was stored with what cannot be used."""
    return Target(
        id=row.name,
        name=row.name,
        ws_url=row.ws_url,
        http_url=row.http_url,
        token_ref=_ref(row),
        allowed_repos=tuple(row.allowed_repos) or ("*",),
        labels=frozenset(row.labels),
        kinds=frozenset(row.kinds),
        capacity=row.capacity,
        tls=TlsOptions(ca_file=row.ca_file or None, cert_file=row.cert_file or None, key_file=row.key_file or None),
        allow_plain=row.allow_plain,
    )


def _ref(row: GatewayTarget) -> TokenRef | None:
    if row.token_ref:
        return row.token_ref
    lost = isinstance(row.token, LostSecret)
    return StoredToken(str(row.token), lost) if row.token or lost else None


def token_of(target: Target) -> str:
    """Return the token behind a target's reference now, "" for none and for one that cannot be read."""
    try:
        return read_token(target.token_ref)
    except BadTarget:
        return ""
