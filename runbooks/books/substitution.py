"""Putting parameters into steps. Where a program or a service reads the result, only whole values are replaced.

Invariant: a text that is exactly `{name}` becomes the parameter's value, in one piece; any other text stays as it is.
So no value can add an argument, an option's name, a path segment or a line. Only what people read (`fill`) may hold
parameters anywhere in a text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runbooks.books.spec import BookError, Place

Value = str | int | float | bool
_WHOLE = re.compile(r"\{([a-z][a-z0-9_]{0,31})\}")


def render(value: Any, values: Mapping[str, Value], place: Place = ()) -> Any:
    """Return JSON with every text that is a parameter's name in braces replaced; keys stay as they are."""
    if isinstance(value, str):
        name = _WHOLE.fullmatch(value)
        return value if name is None else _find(name[1], values, place)
    if isinstance(value, dict):
        return {key: render(each, values, (*place, key)) for key, each in value.items()}
    if isinstance(value, list):
        return [render(each, values, (*place, number)) for number, each in enumerate(value)]
    return value


def find_name(text: str) -> str:
    """Return the name of the parameter that a text stands for, or ""."""
    name = _WHOLE.fullmatch(text)
    return name[1] if name else ""


def fill(text: str, values: Mapping[str, Value], place: Place = ()) -> str:
    """Return a text for people with all parameters in it."""
    return _WHOLE.sub(lambda name: as_text(_find(name[1], values, place)), text)


def as_text(value: Value) -> str:
    """Return a value as one argument of a program."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)


def _find(name: str, values: Mapping[str, Value], place: Place) -> Value:
    if name not in values:
        raise BookError(f"there is no parameter named {name!r}", place)
    return values[name]
