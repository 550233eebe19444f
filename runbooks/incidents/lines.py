"""Texts of people and of alerts, made fit to be stored and to stand in a line. Pure."""

from __future__ import annotations


def storable(text: str, limit: int) -> str:
    """Return a text that both databases store, no longer than so many characters."""
    return text.replace("\x00", "").strip()[:limit]


def one_line(text: str, limit: int) -> str:
    """Return a text as one line, with … where it was longer. Marks that turn or hide what stands beside them go."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"
