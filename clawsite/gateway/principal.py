"""Who is at the other end of a connection, and what they may do. Values, no rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from guardrails.types import Actor, Role


class Scope(StrEnum):
    """A right of a token. `admin` includes all others, `write` includes `read`."""

    READ = "operator.read"
    WRITE = "operator.write"
    ADMIN = "operator.admin"
    APPROVALS = "operator.approvals"
    QUESTIONS = "operator.questions"
    PAIRING = "operator.pairing"


ALL_SCOPES = frozenset(Scope)


def expand(scopes: Iterable[str]) -> frozenset[Scope]:
    """Return the scopes with everything they include; names nobody knows are left out."""
    known = {Scope(name) for name in scopes if name in Scope._value2member_map_}
    if Scope.ADMIN in known:
        return ALL_SCOPES
    if Scope.WRITE in known:
        known.add(Scope.READ)
    return frozenset(known)


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """A token's bearer on one connection.

    subject: `token:12`, or `env` for CLAW_GATEWAY_TOKEN. owner: whose sessions and jobs these are: `user:3` when the
    token belongs to an account, else the first token of its chain of rotations. granted: the token's scopes; scopes:
    those of this connection, which may have asked for fewer. Both are expanded.
    """

    subject: str
    owner: str
    name: str
    granted: frozenset[Scope]
    scopes: frozenset[Scope]
    user_id: int | None = None

    @property
    def sees_all(self) -> bool:
        """Whether other people's sessions and jobs are shown; decided by the token, not by what was asked for."""
        return Scope.ADMIN in self.granted

    @property
    def role(self) -> Role:
        """The role in chats, commands and approvals that these rights come to."""
        if Scope.ADMIN in self.scopes:
            return Role.ADMIN
        if Scope.WRITE in self.scopes:
            return Role.OPERATOR
        return Role.VIEWER if Scope.READ in self.scopes else Role.STRANGER

    @property
    def actor(self) -> Actor:
        """Who this is to guards, jobs and the audit log."""
        return Actor(subject=self.owner, role=self.role, name=self.name)
