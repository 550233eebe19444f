"""Who finds the words for which kind of card. Filled when the app is loaded, the same in all processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from bots.channels.base import OutboundMessage


@dataclass(frozen=True, kw_only=True, slots=True)
class CardView:
    """Where a card is seen. The language is active while it is rendered."""

    zone: ZoneInfo
    language: str = "en"
    is_group: bool = False


Render = Callable[[Mapping[str, Any], CardView], OutboundMessage]

_renders: dict[str, Render] = {}


def register_card(kind: str, render: Render) -> None:
    """Say how a kind of card is worded. render: pure and quick, reads no rows. ValueError when the kind is taken."""
    if _renders.setdefault(kind, render) is not render:
        raise ValueError(f"There are two kinds of card named {kind!r}.")


def list_cards() -> list[str]:
    """Return the kinds there are, by name."""
    return sorted(_renders)


def render_card(kind: str, data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message of a card; KeyError for a kind that nobody renders."""
    return _renders[kind](data, view)
