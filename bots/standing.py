"""How one account stands with its platform: the breaker of its calls, and the notes that others read.

An answer that refuses one message is an answer. What counts against the platform is no answer at all, and what
concerns the whole account: a token that is not taken, a rate that is used up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from bots.breaker import Breaker
from bots.channels.base import ChannelError
from bots.services import CHANNEL, is_outside
from bots.work import OpenChannel
from clawsite.core.services import Teller

T = TypeVar("T")

# People wait for what is held back, and the one call that tries costs little.
OPEN_SECONDS = 5.0


class Standing:
    """Of one account in one process; channels that are served by this very system always stand well."""

    def __init__(self, channel: OpenChannel) -> None:
        self._name = channel.row.name
        self._breaker = Breaker(open_seconds=OPEN_SECONDS)
        self._teller = Teller(CHANNEL) if is_outside(channel.row.kind) else None

    @property
    def is_good(self) -> bool:
        """Whether calls may be made as usual."""
        return self._breaker.state == "closed"

    @property
    def wait(self) -> float:
        """Seconds until a call may be tried."""
        return self._breaker.wait

    def admit(self, items: Sequence[T]) -> list[T]:
        """Return those that may be sent now: all, or a single one that tries."""
        if not items or not self._breaker.admit():
            return []
        return list(items) if self.is_good else list(items[:1])

    def succeed(self) -> None:
        """A call passed."""
        self._breaker.succeed()
        if self._teller is not None:
            self._teller.worked(self._name)

    def fail(self, error: ChannelError) -> None:
        """A call failed. The budget keeps a rate that is used up; the breaker opens for what does not answer."""
        if not counts_against(error):
            self.succeed()
            return
        if error.retry_after is None:
            self._breaker.fail()
        if self._teller is not None:
            wait = error.retry_after if error.retry_after is not None else self._breaker.wait or None
            self._teller.failed(self._name, error=error.message, error_kind=kind_of(error), retry_after=wait)


def counts_against(error: ChannelError) -> bool:
    """Tell whether an error is the platform's, not that of one message or chat."""
    answered = error.permanent or error.bad_markup or error.gone or error.moved_to or error.retry_after is not None
    return error.whole_bot or not answered


def kind_of(error: ChannelError) -> str:
    """Return in a word what is wrong."""
    if error.retry_after is None:
        return "no_answer"
    return "token" if "token" in error.message else "rate"
