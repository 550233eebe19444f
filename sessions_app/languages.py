"""The languages the bot speaks, by their Django codes, and how they are called."""

from __future__ import annotations

from django.conf import settings

_MAIN = {code.split("-")[0]: code for code, _ in settings.LANGUAGES}
_ENGLISH_NAMES = {"en": "English", "pt-br": "Brazilian Portuguese", "ru": "Russian"}


def find_language(wish: str) -> str | None:
    """Return the code we have for a platform's or person's code (pt, pt_BR, ru-RU), or None."""
    code = wish.strip().lower().replace("_", "-")
    return _MAIN.get(code.split("-")[0]) if code else None


def english_name(code: str) -> str:
    """Return the name by which a model is told of a language."""
    found = find_language(code) or settings.LANGUAGE_CODE
    return _ENGLISH_NAMES.get(found, found)
