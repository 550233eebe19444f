"""The values guards speak in: who acts, what a guard answers, what the policy of a place is. No models, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a person may do. Each role includes the ones before it; a stranger has none."""

    STRANGER = "stranger"
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Somebody who acts. `subject` is a stable string such as `contact:7` or `user:3`."""

    subject: str
    role: Role = Role.STRANGER
    name: str = ""

    def is_at_least(self, role: Role) -> bool:
        """Tell whether the actor's role includes the given one."""
        return _RANK[self.role] >= _RANK[role]


class Action(StrEnum):
    """What follows from a guard's look, from mildest to hardest."""

    ALLOW = "allow"
    WARN = "warn"
    MASK = "mask"
    ASK = "ask"
    BLOCK = "block"


class Stage(StrEnum):
    """Where a guard looked."""

    INPUT = "input"
    ATTACHMENT = "attachment"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    STREAM = "stream"
    OUTPUT = "output"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A guard's answer. `rule` names what decided (`injection.override`, `pii.card`), `score` is 0 to 1.

    `detail` may be stored and shown to admins: it names kinds and counts, never the matched text itself.
    """

    action: Action
    stage: Stage
    rule: str
    score: float = 1.0
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """Text after a guard: what may go on (masked where told), and every verdict on the way."""

    text: str
    verdicts: tuple[Verdict, ...] = field(default=())

    @property
    def blocked(self) -> Verdict | None:
        """The first blocking verdict, or None."""
        return next((verdict for verdict in self.verdicts if verdict.action is Action.BLOCK), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """How strict the guards of one place are; made from settings and the session, passed in by the caller."""

    input_chars: int = 4096
    rate: int = 30
    rate_seconds: int = 60
    pii_input: str = "note"
    pii_output: str = "mask"
    allowed_links: tuple[str, ...] = ()
