"""Cards in chats: what the layers below write as data gets its words here and is brought to the chat."""

from __future__ import annotations

from bots.cards.registry import CardView, Render, register_card, render_card

__all__ = ["CardView", "Render", "register_card", "render_card"]
