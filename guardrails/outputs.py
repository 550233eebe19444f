"""The door to the output guard: `check_output` for whole answers, `StreamGuard` for growing ones, `has_leaks` for the
arguments of tools.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote_plus

from guardrails.output_rules import OutputContext, OutputRules
from guardrails.streams import StreamGuard
from guardrails.types import Checked, Policy, Stage

__all__ = ["OutputContext", "StreamGuard", "check_output", "has_leaks"]


def check_output(text: str, *, policy: Policy, context: OutputContext, stage: Stage = Stage.OUTPUT) -> Checked:
    """Return the answer as it may leave (masked where told), with every verdict; empty text when it is blocked."""
    return OutputRules(policy, context, stage=stage).check(text)


def has_leaks(texts: Iterable[str], *, context: OutputContext) -> bool:
    """Tell whether texts that are no answer, such as a tool's arguments, tell the prompt, as they are or in a link."""
    whole = "\n".join(texts)
    return any(any(context.find_leaks(text)) for text in {whole, unquote_plus(whole)})
