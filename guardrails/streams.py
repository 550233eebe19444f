"""An answer that is shown while it is written, under the same rules as a whole one.

Invariant: what `feed` returns only ever grows, and is the beginning of what the final check returns, whatever comes
later; so a tail is held back, cut where nothing that a rule could still find begins. If the final check will block,
nothing of the reason was shown. Work is on what is new and the tail, never on the whole text again.
"""

from __future__ import annotations

from guardrails.leaks import start_of_last_words
from guardrails.output_rules import OutputContext, OutputRules, Scan
from guardrails.spans import REACH, replace_spans
from guardrails.types import Checked, Policy, Verdict
from guardrails.urls import BREAKS, OPEN_LINK

TAIL_CHARS = REACH
STEP_CHARS = 100
_BORDERS = (" ", "\n", "\t", *BREAKS)


class StreamGuard:
    """Guards one answer. Not for use by several threads at once."""

    def __init__(self, policy: Policy, context: OutputContext) -> None:
        self._rules = OutputRules(policy, context)
        self._compares_words = bool(context.prompt_texts)
        self._reset()

    def _reset(self) -> None:
        self._settled = ""
        self._shown = ""
        self._look_at = TAIL_CHARS + STEP_CHARS
        self._blocked: Verdict | None = None

    @property
    def blocked(self) -> Verdict | None:
        """Why nothing more will be shown, as soon as it is known; the caller may stop the model."""
        return self._blocked

    def know(self, urls: frozenset[str]) -> None:
        """Take in links that a tool brought while the answer is being written: from here on they may be given."""
        self._rules.know(urls)

    def feed(self, cumulative: str) -> str:
        """Take the whole text so far and return how much of it may be shown, masked like the final answer.

        A text that does not continue the former one is a new attempt and starts over.
        """
        if not cumulative.startswith(self._settled):
            self._reset()
        if self._blocked is None and len(cumulative) >= self._look_at:
            self._settle(cumulative, len(self._settled))
        return self._shown

    def _settle(self, text: str, done: int) -> None:
        """Decide what can be decided. Where nothing can, the next look waits for a quarter more."""
        scan = self._rules.scan(text, done)
        self._blocked = scan.blocked
        cut = self._cut(text, done, scan)
        if self._blocked is None and cut > done:
            self._shown += replace_spans(text, scan.spans, start=done, end=cut)
            self._settled = text[:cut]
        self._look_at = len(text) + max(STEP_CHARS, (len(text) - max(cut, done) - TAIL_CHARS) // 4)

    def _cut(self, text: str, done: int, scan: Scan) -> int:
        """Return a place between words, outside of anything found, up to which no later text changes what is found."""
        undecided = len(text) - TAIL_CHARS
        if text.find("[", done) >= 0 and (link := OPEN_LINK.search(text, done)):
            undecided = min(undecided, link.start())
        if self._compares_words:
            undecided = min(undecided, start_of_last_words(text, done))
        cut = _last_border(text, done, undecided)
        while crossed := [span.lead for span in scan.spans if span.lead < cut < span.end]:
            cut = min(crossed)
        return cut

    def finish(self, text: str) -> Checked:
        """Check the whole answer. What was shown is the beginning of the result, unless it is blocked."""
        return self._rules.check(text)


def _last_border(text: str, start: int, end: int) -> int:
    """Return the place behind the last white space of text[start:end], or `start`."""
    borders = _BORDERS[:3] if text.isascii() else _BORDERS
    return max([start, *(text.rfind(border, start, end) + 1 for border in borders)])
