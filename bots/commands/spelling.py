"""Spellings that mean the same: of a command's name, and of a sentence typed on a phone. Pure."""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"\s+")


def spell(name: str) -> str:
    """Return a command's name as it is looked up: /Approve-Production is approve_production."""
    return name.lower().replace("-", "_")


def plain(text: str) -> str:
    """Return a short text for matching phrases: lower case, no accents, single spaces, no closing marks."""
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "'"))
    letters = "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
    return _SPACES.sub(" ", letters).strip(" .!…")


def as_typed(words: str, text: str) -> str:
    """Return words that a phrase gave in plain spelling as they stand at the end of the text, capitals and all."""
    if words in text:
        return words
    tail = " ".join(text.split()[-len(words.split()) :])
    return tail.strip(" .!…") if plain(tail) == plain(words) else words
