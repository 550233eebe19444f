"""What can run as a job: one registry, filled by every layer when it is loaded, the same in all processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from clawsite.core.errors import BadInput
from guardrails.types import Role
from runbooks.jobs.endings import Ended, on_end
from runbooks.jobs.values import check_size, is_storable
from runbooks.jobs.working import JobContext

MAX_PARAMS_BYTES = 64 * 1024


class NoParams(msgspec.Struct, forbid_unknown_fields=True):
    """The parameters of a kind that takes none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobKind:
    """One kind of job.

    run: synchronous code, in a process of its own; returns the result (JSON) or Park. seconds: how long one stretch
    of work may take, from its beginning to its end or next pause. repeatable: whether it may simply begin again when
    its process died in the middle; otherwise it fails then, unless it saved what it needs to go on. role: the least
    role that may create, start and cancel it. check: raises ClawError for parameters that an owner's schedule could
    not be run with as things stand; asked when one is saved. session_param: the parameter that names a conversation by
    its number, if there is one; programs that see only their own conversations may not give it. ended: called with
    each job of this kind that has ended, on whichever way, in the transaction that ends it.
    """

    name: str
    run: Callable[[JobContext], Any]
    description: str
    seconds: float = 600.0
    repeatable: bool = True
    role: Role = Role.OPERATOR
    params: type[msgspec.Struct] = NoParams
    session_param: str = ""
    check: Callable[[dict[str, Any], str], None] | None = None
    ended: Ended | None = None

    def parse(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return checked parameters with their defaults, as JSON; BadInput says where they are wrong."""
        try:
            value: dict[str, Any] = msgspec.to_builtins(msgspec.convert(dict(params), self.params))
        except (msgspec.ValidationError, TypeError) as error:
            raise BadInput(f"The parameters of a {self.name} job are not right: {error}.") from None
        return check_params(value)


def check_params(value: dict[str, Any]) -> dict[str, Any]:
    """Return parameters that can be stored; BadInput for others."""
    if not is_storable(value):
        raise BadInput("Parameters must not hold NUL characters, halves of characters, or numbers without a value.")
    check_size(value, MAX_PARAMS_BYTES, what="The parameters")
    return value


_kinds: dict[str, JobKind] = {}


def register_kind(kind: JobKind) -> JobKind:
    """Add a kind; ValueError when its name is taken."""
    if _kinds.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"There are two kinds of job named {kind.name!r}.")
    if kind.ended is not None:
        on_end(kind.name, kind.ended)
    return kind


def find_kind(name: str) -> JobKind | None:
    """Return the kind of this name, or None."""
    return _kinds.get(name)


def get_kind(name: str) -> JobKind:
    """Return the kind of this name; BadInput lists those there are."""
    found = _kinds.get(name)
    if found is None:
        raise BadInput(f"There is no kind of job named {name[:64]!r}. There are: {', '.join(sorted(_kinds))}.")
    return found


def list_kinds() -> list[JobKind]:
    """Return all kinds by name."""
    return [_kinds[name] for name in sorted(_kinds)]
