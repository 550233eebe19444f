"""The whole text of each layer, before any budget: what admins wrote, facts, time and the summary.

Invariant: text that came from outside stands in a block of its own that it cannot close, and carries no secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from string import Template
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings

from guardrails.redact import redact_secrets
from sessions_app.languages import english_name
from sessions_app.memory.history import History
from sessions_app.models import Session
from sessions_app.prompts.layers import CORE, Layer

BULLET = "- "


def write_layers(
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
    lines = "\n".join(BULLET + _as_data(fact) for fact in facts)
    return f"{intro}\n<facts>\n{lines}\n</facts>".strip()


def write_summary(intro: str, history: History) -> str:
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
