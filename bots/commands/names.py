"""The names of all commands, for who must not take one. The commands are loaded when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module


def all_names() -> Iterator[str]:
    """Yield every name and alias."""
    for command in import_module("bots.commands.registry").all_commands():
        yield from (command.name, *command.aliases)
