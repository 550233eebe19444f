"""What a prompt was made of, as JSON for Turn.report and /context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sessions_app import tokens
from sessions_app.memory.history import Fitted, History
from sessions_app.models import Session
from sessions_app.prompts.budget import Plan
from sessions_app.prompts.layers import Layer


def make_report(
    session: Session,
    layers: Sequence[Layer],
    plan: Plan,
    said: Mapping[str, str],
    history: History,
    fitted: Fitted,
    question: str,
    note: str,
    *,
    window: int,
) -> dict[str, Any]:
    """Return what /context shows: tokens by layer, what was trimmed and why, and what the memory strategy saved."""
    ratio = session.token_ratio
    used = {key: tokens.scale(tokens.estimate(text), ratio) for key, text in said.items()}
    used["conversation"] += fitted.tokens
    message, notes = (tokens.scale(tokens.estimate(text), ratio) for text in (question, note))
    texts = (*said.values(), question, note)
    return {
        "window": window,
        "total": sum(used.values()) + message + notes,
        "message": message,
        "notes": notes,
        "estimated": sum(tokens.estimate(text) for text in texts) + sum(line.size for line in fitted.lines),
        "layers": [{"key": layer.key, "tokens": used[layer.key], "budget": layer.budget} for layer in layers],
        "trimmed": [asdict(trim) for trim in plan.trims],
        "over_budget": list(plan.over_budget),
        "fits": plan.fits,
        "memory": {
            "strategy": str(session.memory),
            "messages": len(fitted.lines),
            "left_out": fitted.left_out,
            "shortened": fitted.shortened,
            "summary_upto": history.upto_seq,
            "summary_tokens": history.summary_tokens,
            "covered_tokens": history.covered_tokens,
        },
    }  # fmt: skip
