"""The models the Messages emulator knows, as /v1/models describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model: its limits, what it accepts, where its life stands."""

    id: str
    display_name: str
    created_at: str
    max_input_tokens: int = 1_000_000
    max_tokens: int = 128_000
    min_cache_tokens: int = 1024
    lifecycle: str = "active"
    deprecated_at: str | None = None
    retires_at: str | None = None
    prefill: bool = False

    def describe(self) -> dict[str, Any]:
        return {
            "type": "model",
            "id": self.id,
            "display_name": self.display_name,
            "created_at": self.created_at,
            "max_input_tokens": self.max_input_tokens,
            "max_tokens": self.max_tokens,
            "lifecycle": self.lifecycle,
            "deprecated_at": self.deprecated_at,
            "retires_at": self.retires_at,
        }


MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        Model(
            id="claude-opus-5-5",
            display_name="Claude Opus 5.5",
            created_at="2026-09-15T00:00:00Z",
            min_cache_tokens=512,
        ),
        Model(id="claude-sonnet-5-5", display_name="Claude Sonnet 5.5", created_at="2026-09-15T00:00:00Z"),
        Model(id="claude-haiku-5-5", display_name="Claude Haiku 5.5", created_at="2026-09-15T00:00:00Z"),
        Model(
            id="claude-haiku-4-5",
            display_name="Claude Haiku 4.5",
            created_at="2025-10-01T00:00:00Z",
            max_input_tokens=200_000,
            max_tokens=64_000,
            min_cache_tokens=4096,
            prefill=True,
        ),
        Model(
            id="claude-sonnet-4-5",
            display_name="Claude Sonnet 4.5",
            created_at="2025-09-29T00:00:00Z",
            max_input_tokens=200_000,
            max_tokens=64_000,
            lifecycle="deprecated",
            deprecated_at="2026-05-30T00:00:00Z",
            retires_at="2026-11-30T00:00:00Z",
            prefill=True,
        ),
    )
}


def list_models(*, limit: int = 20, after_id: str | None = None) -> dict[str, Any]:
    """One page of /v1/models, newest first."""
    known = list(MODELS.values())
    start = next((i + 1 for i, model in enumerate(known) if model.id == after_id), 0)
    page = known[start : start + limit]
    return {
        "data": [model.describe() for model in page],
        "has_more": start + limit < len(known),
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }
