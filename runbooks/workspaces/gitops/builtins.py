"""The names that documents cannot take, and those they may add a policy to. The layer that has commands tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

# Whoever does these asks for the policy: see `policy`.
GUARDED = frozenset({"deploy"})

_sources: list[Callable[[], Iterable[str]]] = []


def register_builtins(source: Callable[[], Iterable[str]]) -> None:
    """Say who knows the names of commands; asked when a document is read."""
    _sources.append(source)


def is_builtin(name: str) -> bool:
    """Tell whether a command of this name is there without any document."""
    return is_guarded(name) or any(spell(name) == spell(each) for source in _sources for each in source())


def is_guarded(name: str) -> bool:
    """Tell whether a project may add a policy to it."""
    return spell(name) in GUARDED


def spell(name: str) -> str:
    """Return a command's name as it is looked up."""
    return name.lower().removeprefix("/").replace("-", "_")
