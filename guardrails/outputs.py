"""The door to the output guard: whole answers by `check_output`, growing ones by `StreamGuard`."""

from __future__ import annotations

from guardrails.output_rules import OutputContext, OutputRules
from guardrails.streams import StreamGuard
from guardrails.types import Checked, Policy, Stage

__all__ = ["OutputContext", "StreamGuard", "check_output"]


def check_output(text: str, *, policy: Policy, context: OutputContext, stage: Stage = Stage.OUTPUT) -> Checked:
    """Return the answer as it may leave (masked where told), with every verdict; empty text when it is blocked."""
    return OutputRules(policy, context, stage=stage).check(text)
