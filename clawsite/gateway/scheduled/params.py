"""What a scheduled message is given. Values, no rows: what can be wrong by itself is refused here, at every way in.

The fields are those of the protocol's cron job; its other ones are refused by `clawsite.gateway.cronjobs` with reasons.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bots.channels.updates import MAX_TEXT
from clawsite.core.errors import BadInput
from clawsite.gateway.keys import MAIN_KEY, PlaceKey, own_key, parse_key

MAIN, ISOLATED, CURRENT, NAMED = "main", "isolated", "current", "session:"
DEFAULT_SECONDS = 3600
MAX_SECONDS = 24 * 3600

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
Key = Annotated[str, Meta(max_length=512)]


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What these values have in common: the protocol's names, and nothing that is not known."""


class AgentTurn(Given, frozen=True):
    """A message to the assistant. Its run is stopped after so many seconds; 0 is an hour."""

    kind: Literal["agentTurn"]
    message: Text
    timeout_seconds: Annotated[int, Meta(ge=0, le=MAX_SECONDS)] = 0


class SystemEvent(Given, frozen=True):
    """Something that happened, or that is to be remembered now."""

    kind: Literal["systemEvent"]
    text: Text


class Delivery(Given, frozen=True):
    """Where the answer is told besides its own session: a chat's id `to` on a channel, or a session's key.

    Without `to` it is the owner's main session. best_effort: a job whose answer could not be told has succeeded.
    """

    mode: Literal["none", "announce"] = "none"
    channel: Annotated[str, Meta(max_length=64)] = ""
    to: Annotated[str, Meta(max_length=400)] = ""
    thread_id: Annotated[str, Meta(max_length=64)] = ""
    account_id: Annotated[str, Meta(max_length=64)] = ""
    best_effort: bool = False


class TurnParams(Given, frozen=True):
    """The parameters of cron.agentTurn."""

    payload: AgentTurn
    session_target: Key = ISOLATED
    session_key: Key = ""
    delivery: Delivery = Delivery()

    def __post_init__(self) -> None:
        """Refuse what makes no sense together."""
        _check_text(self.payload.message)
        name_session(self.session_target, self.session_key)

    @property
    def text(self) -> str:
        """What is said."""
        return self.payload.message

    @property
    def seconds(self) -> int:
        """How long the run may take, waiting for its turn included."""
        return self.payload.timeout_seconds or DEFAULT_SECONDS


class EventParams(Given, frozen=True):
    """The parameters of cron.systemEvent."""

    payload: SystemEvent
    session_target: Key = MAIN
    session_key: Key = ""

    def __post_init__(self) -> None:
        """Refuse what makes no sense together."""
        _check_text(self.payload.text)
        if not name_session(self.session_target, self.session_key):
            raise BadInput("A systemEvent belongs into a session that somebody reads: main, or session:<key>.")

    @property
    def text(self) -> str:
        """What is said."""
        return self.payload.text


def name_session(target: str, key: str) -> str:
    """Return the key of the session that a target means, "" for one of the schedule's own; BadInput for no target."""
    if target == ISOLATED:
        if key:
            raise BadInput("An isolated schedule has a session of its own: leave sessionKey out, or use session:<key>.")
        return ""
    if target == MAIN:
        return _own(key or MAIN_KEY)
    if target == CURRENT:
        if not key:
            raise BadInput("sessionTarget current needs the sessionKey that it means.")
        return _own(key)
    if not target.startswith(NAMED) or key:
        raise BadInput("sessionTarget is main, isolated, current with a sessionKey, or session:<key>.")
    return _own(target.removeprefix(NAMED))


def _own(key: str) -> str:
    place = parse_key(key)
    if isinstance(place, PlaceKey):
        raise BadInput("A schedule speaks in sessions of its owner only; use delivery to tell the answer elsewhere.")
    return own_key(place.name)


def _check_text(text: str) -> None:
    if not text.strip():
        raise BadInput("A scheduled message needs a text.")
