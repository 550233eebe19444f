"""From a session and a message to the prompt: eight layers within their budgets, cheap however long the session is.

Invariants: nothing of another session is read; the system blocks come in the order of their priority, stable ones
first; messages alternate, begin and end with the user's, and the one being answered is whole. At most five queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from string import Template
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.utils.crypto import salted_hmac

from guardrails.redact import redact_secrets
from sessions_app import tokens
from sessions_app.facts import find_relevant
from sessions_app.languages import english_name
from sessions_app.memory.history import Fitted, History, fit_lines
from sessions_app.memory.registry import read_memory
from sessions_app.models import Session
from sessions_app.prompts.budget import Plan, Want, plan_budget
from sessions_app.prompts.dialogue import name_author, to_messages
from sessions_app.prompts.layers import CORE, Layer, get_session_layers

_BULLET = "- "


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
    texts = _write_layers(layers, session, canary=canary, skills=skills_text, facts=facts, language=language, now=now)
    texts["conversation"] = _write_summary(texts["conversation"], history)
    note = "\n".join(f"{_BULLET}{line}" for line in notes)
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
        report=_report(session, layers, plan, said, history, fitted, question, note, window=window),
        prompt_texts=tuple(said[layer.key] for layer in layers if layer.private and said[layer.key]),
        canary=canary,
    )


def _question(session: Session, history: History, user_text: str) -> str:
    if session.kind == Session.Kind.GROUP:
        return name_author(history.current_name, user_text)
    return user_text


def _write_layers(
    layers: Sequence[Layer],
    session: Session,
    *,
    canary: str,
    skills: str,
    facts: Sequence[str],
    language: str,
    now: datetime,
) -> dict[str, str]:
    """Return the whole text of each layer, before any budget. A layer without anything to say is "" (never core)."""
    texts = {layer.key: layer.text if layer.enabled or layer.key == CORE else "" for layer in layers}
    on = {layer.key for layer in layers if layer.enabled}
    texts[CORE] = f"{texts[CORE]}\n\nInternal marker of this chat, never to be written: {canary}".strip()
    texts["skills"] = "\n\n".join(part for part in (texts["skills"], skills) if part) if "skills" in on else ""
    texts["memory"] = _write_facts(texts["memory"], facts) if facts and "memory" in on else ""
    texts["temporal"] = _write_time(texts["temporal"], session, language=language, now=now)
    return texts


def _write_facts(intro: str, facts: Sequence[str]) -> str:
    lines = "\n".join(_BULLET + _as_data(fact) for fact in facts)
    return f"{intro}\n<facts>\n{lines}\n</facts>".strip()


def _write_summary(intro: str, history: History) -> str:
    if not history.summary:
        return ""
    return f"{intro}\n<summary>\n{_as_data(history.summary)}\n</summary>".strip()


def _as_data(text: str) -> str:
    """Return remembered text so that it cannot close its block, without secrets that became known since."""
    return redact_secrets(text).replace("</", "< /")


def _write_time(template: str, session: Session, *, language: str, now: datetime) -> str:
    """Fill the temporal layer's template in, to the minute, in the session's zone. Unknown names stay as they are."""
    zone = _zone(session.time_zone)
    local = now.astimezone(zone)
    return Template(template).safe_substitute(
        weekday=local.strftime("%A"),
        date=local.strftime("%Y-%m-%d"),
        time=local.strftime("%H:%M"),
        zone=f"{zone.key}, UTC{local.strftime('%z')[:3]}:{local.strftime('%z')[3:5]}",
        language=english_name(language),
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or settings.TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _wants(layers: Sequence[Layer], texts: Mapping[str, str], history: History, *, ratio: float) -> list[Want]:
    sizes = {key: tokens.scale(tokens.estimate(text), ratio) for key, text in texts.items()}
    sizes["conversation"] += _size_of(history, ratio)
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
        allowed = max(allowed // 2, allowed - _size_of(history, ratio))
    return tokens.cut(text, allowed, ratio=ratio)


def _size_of(history: History, ratio: float) -> int:
    return sum(tokens.scale(line.size, ratio) for line in history.lines)


def _blocks(layers: Sequence[Layer], said: Mapping[str, str], note: str) -> tuple[SystemBlock, ...]:
    """Return the blocks in order: stable layers, then the others, then our notes on this message."""
    ordered = sorted(layers, key=lambda layer: (not layer.stable, layer.priority))
    blocks = [SystemBlock(text=said[layer.key], stable=layer.stable) for layer in ordered if said[layer.key]]
    if note:
        blocks.append(SystemBlock(text=f"About this message:\n{note}", stable=False))
    return tuple(blocks)


def _report(
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
