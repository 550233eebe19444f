"""The registry of the eight prompt layers, their default texts, and the rows that admins edit.

Invariant: a prompt always has all eight layers. A row that is missing counts as its default, so an empty table (or
a layer added by an upgrade) never leaves the model without its rules.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.conf import settings

from clawsite.core.sql import fetch
from sessions_app.models import PromptLayer

CORE = "core"
FRESH_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer. `priority` orders the prompt and says what goes first on overflow (the highest); `budget` is tokens.

    stable: the text changes so rarely that the model's prompt cache may hold it.
    private: repeating it in an answer is a leak.
    """

    key: str
    title: str
    priority: int
    budget: int
    text: str = ""
    enabled: bool = True
    stable: bool = False
    private: bool = False


def load_prompt(name: str) -> str:
    """Return the text of templates/prompts/NAME.md, "" when there is none."""
    path = settings.BASE_DIR / "templates" / "prompts" / f"{name}.md"
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


@lru_cache(maxsize=1)
def get_defaults() -> tuple[Layer, ...]:
    """Return the eight layers as they ship, in the order of the prompt."""
    bare = (
        Layer(key=CORE, title="Core rules", priority=0, budget=500, stable=True, private=True),
        Layer(key="identity", title="Identity", priority=10, budget=200, stable=True, private=True),
        Layer(key="business", title="Business context", priority=20, budget=300, stable=True),
        Layer(key="objective", title="Objective", priority=30, budget=200, stable=True, private=True),
        # What a skill knows is there to be told.
        Layer(key="skills", title="Skills", priority=40, budget=2000, stable=True),
        Layer(key="memory", title="Memory", priority=50, budget=1000),
        Layer(key="temporal", title="Date and time", priority=60, budget=50),
        Layer(key="conversation", title="Conversation", priority=70, budget=8000),
    )
    return tuple(replace(layer, text=load_prompt(layer.key)) for layer in bare)


def ensure_layers(model: type[PromptLayer] = PromptLayer) -> int:
    """Add the rows that are missing and return how many; what an admin wrote is left as it is. May be repeated."""
    known = set(model.objects.values_list("key", flat=True))
    rows = [
        model(key=layer.key, title=layer.title, priority=layer.priority, budget=layer.budget, text=layer.text)
        for layer in get_defaults()
        if layer.key not in known
    ]
    model.objects.bulk_create(rows, ignore_conflicts=True)
    forget_cached()
    return len(rows)


_cached: tuple[float, tuple[Layer, ...]] | None = None


def forget_cached() -> None:
    """Let the next prompt read the rows again, instead of within FRESH_SECONDS."""
    global _cached
    _cached = None


def get_layers() -> tuple[Layer, ...]:
    """Return the eight layers as the admin left them. Rows are read again after FRESH_SECONDS (one query)."""
    global _cached
    now = time.monotonic()
    if _cached is None or now - _cached[0] > FRESH_SECONDS:
        _cached = (now, _read_layers())
    return _cached[1]


def _read_layers() -> tuple[Layer, ...]:
    names = ("title", "priority", "budget", "text", "enabled")
    rows: dict[str, Mapping[str, Any]] = {row["key"]: row for row in PromptLayer.objects.values("key", *names)}
    merged = (
        replace(layer, **{name: rows[layer.key][name] for name in names}) if layer.key in rows else layer
        for layer in get_defaults()
    )
    return tuple(sorted(merged, key=lambda layer: layer.priority))


_OVERRIDES_SQL = """
SELECT l.key, o.text, o.budget FROM sessions_app_sessionlayer o JOIN sessions_app_promptlayer l ON l.id = o.layer_id
WHERE o.session_id = %s
"""


def get_session_layers(session_id: int) -> tuple[Layer, ...]:
    """Return the layers with what this session says instead (one query)."""
    overrides = {key: (text, budget) for key, text, budget in fetch(_OVERRIDES_SQL, session_id)}
    return tuple(_override(layer, *overrides.get(layer.key, ("", None))) for layer in get_layers())


def _override(layer: Layer, text: str, budget: int | None) -> Layer:
    """Return the layer with a session's text and budget; what the session leaves empty stays general."""
    return replace(layer, text=text or layer.text, budget=layer.budget if budget is None else budget)
