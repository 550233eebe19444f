"""From a session and a message to the prompt: eight layers within their budgets, cheap however long the session is.

Invariants: nothing of another session is read; the system blocks come in the order of their priority, stable ones
first; messages alternate, begin and end with the user's, and the one being answered is whole. At most five queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.crypto import salted_hmac

from sessions_app import tokens
from sessions_app.facts import find_relevant
from sessions_app.memory.history import History, fit_lines, size_of_lines
from sessions_app.memory.registry import read_memory
from sessions_app.models import Session
from sessions_app.prompts.budget import Want, plan_budget
from sessions_app.prompts.dialogue import name_author, to_messages
from sessions_app.prompts.layers import CORE, Layer, get_session_layers
from sessions_app.prompts.report import make_report
from sessions_app.prompts.writing import BULLET, write_layers, write_summary


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemBlock:
    """One block of the system prompt. Stable blocks come first and may be cached by the provider."""

    text: str
    stable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Composed:
    """A prompt. `report` is JSON for Turn.report; `prompt_texts` and `canary` are what an answer must not repeat."""

    system: tuple[SystemBlock, ...]
    messages: tuple[dict[str, Any], ...]
    report: dict[str, Any]
    prompt_texts: tuple[str, ...]
    canary: str


def make_canary(session_id: int) -> str:
    """Return the marker in this session's prompt: it proves a leak and names the session, and nobody can guess it."""
    return "ref-" + salted_hmac("clawsite.prompt.canary", str(session_id)).hexdigest()[:16]


def compose_prompt(
    session: Session,
    *,
    user_text: str,
    user_seq: int,
    language: str,
    now: datetime,
    window: int,
    skills_text: str = "",
    notes: Sequence[str] = (),
) -> Composed:
    """Return the prompt for one message. Synchronous; reads at most five times, whatever the session's length.

    window: the model's whole context in tokens. notes: sentences of ours about this message; they go in whole.
    """
    layers = get_session_layers(session.pk)
    history = read_memory(session, user_seq=user_seq)
    facts = [fact.text for fact in find_relevant(session, user_text)]
    question = _question(session, history, user_text)
    canary = make_canary(session.pk)
    texts = write_layers(layers, session, canary=canary, skills=skills_text, facts=facts, language=language, now=now)
    texts["conversation"] = write_summary(texts["conversation"], history)
    note = "\n".join(f"{BULLET}{line}" for line in notes)
    ratio = session.token_ratio
    plan = plan_budget(
        _wants(layers, texts, history, ratio=ratio),
        window=window,
        message_tokens=tokens.scale(tokens.estimate(question) + tokens.estimate(note), ratio),
    )
    said = {key: _cut_layer(key, text, plan.allowed[key], ratio, history) for key, text in texts.items()}
    rest = plan.allowed["conversation"] - tokens.scale(tokens.estimate(said["conversation"]), ratio)
    fitted = fit_lines(history.lines, limit=rest, ratio=ratio)
    messages = to_messages(fitted.lines, question, group=session.kind == Session.Kind.GROUP)
    return Composed(
        system=_blocks(layers, said, note),
        messages=messages,
        report=make_report(session, layers, plan, said, history, fitted, question, note, window=window),
        prompt_texts=tuple(said[layer.key] for layer in layers if layer.private and said[layer.key]),
        canary=canary,
    )


def _question(session: Session, history: History, user_text: str) -> str:
    if session.kind == Session.Kind.GROUP:
        return name_author(history.current_name, user_text)
    return user_text


def _wants(layers: Sequence[Layer], texts: Mapping[str, str], history: History, *, ratio: float) -> list[Want]:
    sizes = {key: tokens.scale(tokens.estimate(text), ratio) for key, text in texts.items()}
    sizes["conversation"] += size_of_lines(history, ratio)
    return [
        Want(
            key=layer.key,
            priority=layer.priority,
            budget=layer.budget,
            tokens=sizes[layer.key],
            fixed=layer.key == CORE,
        )
        for layer in layers
    ]


def _cut_layer(key: str, text: str, allowed: int, ratio: float, history: History) -> str:
    """Return what a layer may say. Core is never cut; a summary takes more than half only from unused room."""
    if key == CORE:
        return text
    if key == "conversation":
        allowed = max(allowed // 2, allowed - size_of_lines(history, ratio))
    return tokens.cut(text, allowed, ratio=ratio)


def _blocks(layers: Sequence[Layer], said: Mapping[str, str], note: str) -> tuple[SystemBlock, ...]:
    """Return the blocks in order: stable layers, then the others, then our notes on this message."""
    ordered = sorted(layers, key=lambda layer: (not layer.stable, layer.priority))
    blocks = [SystemBlock(text=said[layer.key], stable=layer.stable) for layer in ordered if said[layer.key]]
    if note:
        blocks.append(SystemBlock(text=f"About this message:\n{note}", stable=False))
    return tuple(blocks)
