"""What may come in: what a person typed, and text from outside (files, pages, tool results, forwards, file names).

A person's own words are noted and rarely refused; text from outside is looked at hard, its secrets are taken out, and a
verdict whose rule starts with `injection.` taints the turn, whatever its action. Nothing here raises for any text.
"""

from __future__ import annotations

import re

from guardrails.injection.detect import Detection, detect, judge
from guardrails.injection.rules import Strength
from guardrails.pii import describe, find_pii
from guardrails.redact import redact_secrets
from guardrails.secrets import find_secrets
from guardrails.types import Action, Checked, Policy, Stage, Verdict

# NUL cannot be stored by PostgreSQL, and lone surrogates cannot be encoded; neither means anything in a message.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NAMED_RULES = 3


def clean(text: str) -> str:
    """Return the text without control characters and halves of characters, with plain line ends."""
    if not text.isascii() or not text.isprintable():
        text = _UNSTORABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text


def check_input(text: str, *, policy: Policy, forwarded: bool = False, stage: Stage = Stage.INPUT) -> Checked:
    """Check what a person sent. A text that is too long is refused before anything costs time."""
    if len(text) > policy.input_chars:
        detail = f"{len(text)} characters of {policy.input_chars}"
        verdict = Verdict(action=Action.BLOCK, stage=stage, rule="size.chars", detail=detail)
        return Checked(text=text[: policy.input_chars], verdicts=(verdict,))
    text = clean(text)
    strength = Strength.FULL if forwarded else Strength.CHAT
    verdicts = (
        *_injection(text, stage=stage, strength=strength),
        *_personal(text, policy=policy, stage=stage),
        *_secrets(text, action=Action.WARN, stage=stage),
    )
    return Checked(text=text, verdicts=verdicts)


def check_untrusted(text: str, *, stage: Stage, source: str) -> Checked:
    """Check text that nobody here wrote, at full strength. `source` says where it is from, for the record.

    The returned text is without secrets; where an attack is certain, a note stands in place of the whole text.
    """
    text = clean(text)
    injections = _injection(text, stage=stage, strength=Strength.FULL, source=source)
    verdicts = (*injections, *_secrets(text, action=Action.MASK, stage=stage))
    if any(verdict.action is Action.BLOCK for verdict in injections):
        return Checked(text="[withheld: this text tries to give orders to the assistant]", verdicts=verdicts)
    return Checked(text=redact_secrets(text), verdicts=verdicts)


def _injection(text: str, *, stage: Stage, strength: Strength, source: str = "") -> tuple[Verdict, ...]:
    detection = detect(text, strength=strength)
    action = judge(detection, strength=strength)
    if action is Action.ALLOW:
        return ()
    verdict = Verdict(
        action=action,
        stage=stage,
        rule=f"injection.{detection.rule or 'not_fully_read'}",
        score=detection.score,
        detail=_explain(detection, source),
    )
    return (verdict,)


def _explain(detection: Detection, source: str) -> str:
    """Name source, further rules and tricks; never quote the text."""
    others = [hit.rule for hit in detection.hits[1 : 1 + _NAMED_RULES]]
    parts = [source[:80], ", ".join(others), ", ".join(detection.flags)]
    return "; ".join(part for part in parts if part)


def _personal(text: str, *, policy: Policy, stage: Stage) -> tuple[Verdict, ...]:
    if policy.pii_input == "off":
        return ()
    action = Action.BLOCK if policy.pii_input == "block" else Action.WARN
    hits = find_pii(text)
    return tuple(
        Verdict(
            action=action,
            stage=stage,
            rule=f"pii.{kind}",
            detail=describe(hit for hit in hits if hit.kind == kind),
        )
        for kind in sorted({hit.kind for hit in hits})
    )


def _secrets(text: str, *, action: Action, stage: Stage) -> tuple[Verdict, ...]:
    kinds = sorted({found.kind for found in find_secrets(text)})
    return tuple(Verdict(action=action, stage=stage, rule=f"secret.{kind}") for kind in kinds)
