"""The commands there are, by name. Parts of the system add theirs with `register` when they are loaded."""

from __future__ import annotations

from bots.commands.base import Command, CommandContext
from bots.commands.spelling import spell

_commands: dict[str, Command] = {}
_names: dict[str, Command] = {}


def register(command: Command) -> Command:
    """Add a command; raise ValueError when one of its names is taken by another."""
    for name in (command.name, *command.aliases):
        if _names.setdefault(spell(name), command) is not command:
            raise ValueError(f"There are two commands called {name!r}.")
    _commands[command.name] = command
    return command


def find_command(name: str) -> Command | None:
    """Return a command by any spelling of its name or aliases, or None."""
    return _names.get(spell(name))


def all_commands() -> tuple[Command, ...]:
    """Return every command in the order they were added."""
    return tuple(_commands.values())


def visible_commands(context: CommandContext) -> list[Command]:
    """Return what this person may use here and should be told of."""
    return [command for command in _commands.values() if not command.hidden and command.is_allowed(context)]
