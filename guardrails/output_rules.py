"""What may leave: the one set of rules for whole answers and for answers that are still being written.

Blocked: an empty answer, a leak of the prompt, personal data where the policy says block. Masked: secrets, links that
nobody gave, personal data. Everything that is sent to people as the model's words passes here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext

from clawsite.core.redaction import MASK, find_secrets
from guardrails.leaks import has_canary, has_leak
from guardrails.pii import PiiHit, describe, find_pii, pii_spans
from guardrails.spans import Span, replace_spans
from guardrails.types import Action, Checked, Policy, Stage, Verdict
from guardrails.urls import FoundUrl, find_urls, host_of, is_grounded

_HELD, _URL, _SECRET = 0, 2, 3
_VISIBLE = re.compile(r"[^\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputContext:
    """What an answer is compared with.

    `prompt_texts` are the texts that must not be recited, `known_urls` the links of the user and of tool results,
    `user_text` the message being answered: its own words may be repeated.
    """

    prompt_texts: tuple[str, ...] = ()
    canary: str = ""
    known_urls: frozenset[str] = field(default=frozenset())
    user_text: str = ""

    def find_leaks(self, text: str) -> Iterator[str]:
        """Yield the names of the rules by which a text tells the prompt."""
        if has_canary(text, self.canary):
            yield "leak.canary"
        if has_leak(text, prompts=self.prompt_texts, user_text=self.user_text):
            yield "leak.prompt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """What the rules say of a text from one place on: what to replace or hold together, and why it may not leave."""

    spans: list[Span]
    verdicts: tuple[Verdict, ...]

    @property
    def blocked(self) -> Verdict | None:
        """The first blocking verdict, or None."""
        return next((verdict for verdict in self.verdicts if verdict.action is Action.BLOCK), None)


class OutputRules:
    """The rules of one place and one turn. Keeps no text; may be asked any number of times."""

    def __init__(self, policy: Policy, context: OutputContext, *, stage: Stage = Stage.OUTPUT) -> None:
        self._policy = policy
        self._context = context
        self._stage = stage
        self._note = gettext("(link removed)")

    def know(self, urls: frozenset[str]) -> None:
        """Add links to the known ones."""
        self._context = replace(self._context, known_urls=self._context.known_urls | urls)

    def scan(self, text: str, start: int = 0) -> Scan:
        """Look at a text from `start` on, which must not lie inside anything an earlier scan replaced or held."""
        links = list(self._links(text, start))
        hits = self._personal(text, start, links)
        secrets = [
            Span(
                lead=found.start,
                start=found.start,
                end=found.end,
                rule=f"secret.{found.kind}",
                text=MASK,
                weight=_SECRET,
            )
            for found in find_secrets(text, start)
        ]
        verdicts = (*self._leaks(text[start:]), *self._about(hits), *self._masked([*secrets, *links]))
        return Scan(spans=[*links, *pii_spans(text, hits), *secrets], verdicts=verdicts)

    def _leaks(self, text: str) -> Iterator[Verdict]:
        return (self._verdict(Action.BLOCK, rule) for rule in self._context.find_leaks(text))

    def _personal(self, text: str, start: int, links: list[Span]) -> list[PiiHit]:
        """Personal data, but not the digits inside links that stay: masking them would break the links."""
        if self._policy.pii_output == "off":
            return []
        kept = [link for link in links if link.text is None]
        return [
            hit
            for hit in find_pii(text, start)
            if not any(link.start <= hit.start and hit.end <= link.end for link in kept)
        ]

    def _about(self, hits: list[PiiHit]) -> Iterator[Verdict]:
        action = Action.BLOCK if self._policy.pii_output == "block" else Action.MASK
        for kind in sorted({hit.kind for hit in hits}):
            yield self._verdict(action, f"pii.{kind}", describe(hit for hit in hits if hit.kind == kind))

    def _masked(self, spans: list[Span]) -> Iterator[Verdict]:
        counts = Counter(span.rule for span in spans if span.text)
        for rule, count in sorted(counts.items()):
            yield self._verdict(Action.MASK, rule, f"{count}")

    def _links(self, text: str, start: int) -> Iterator[Span]:
        noted: list[tuple[int, int]] = []
        for link in find_urls(text, start):
            keep = not link.is_link or is_grounded(
                link.url, known=self._context.known_urls, allowed=self._policy.allowed_links
            )
            if link.label:
                noted += [] if keep else [link.label]
                yield from self._markdown_spans(link, link.label, keep=keep)
            else:
                has_note = any(low <= link.start < high for low, high in noted)
                yield self._bare_span(link, keep=keep, note="" if has_note else self._note)

    def _bare_span(self, link: FoundUrl, *, keep: bool, note: str) -> Span:
        host = host_of(link.url).replace(".", "[.]")
        return _link_span(link, link.start, link.end, None if keep else f"{host} {note}".strip())

    def _markdown_spans(self, link: FoundUrl, label: tuple[int, int], *, keep: bool) -> Iterator[Span]:
        """A link that stays is held together; of another one only the label is left, and the note."""
        for start, end, text in ((link.start, label[0], ""), (label[1], link.end, f" {self._note}")):
            yield _link_span(link, start, end, None if keep else text)

    def _verdict(self, action: Action, rule: str, detail: str = "") -> Verdict:
        return Verdict(action=action, stage=self._stage, rule=rule, detail=detail)

    def check(self, text: str) -> Checked:
        """Check a whole answer. A blocked one comes back without its text."""
        if not _VISIBLE.search(text):
            return Checked(text="", verdicts=(self._verdict(Action.BLOCK, "empty.answer"),))
        scan = self.scan(text)
        if scan.blocked:
            return Checked(text="", verdicts=scan.verdicts)
        return Checked(text=replace_spans(text, scan.spans), verdicts=scan.verdicts)


def _link_span(link: FoundUrl, start: int, end: int, text: str | None) -> Span:
    weight = _HELD if text is None else _URL
    return Span(lead=link.start, start=start, end=end, rule="url.ungrounded", text=text, weight=weight)
