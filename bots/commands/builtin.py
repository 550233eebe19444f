"""The commands that always exist, in the order of the menu. A new one is a module and a line here."""

from __future__ import annotations

from bots.commands import context, help, incident, memory, pair, reset, settings, start, status, stop

COMMANDS = (
    start.COMMAND,
    help.COMMAND,
    status.COMMAND,
    incident.COMMAND,
    incident.LIST,
    settings.COMMAND,
    memory.LIST,
    memory.FORGET,
    context.COMMAND,
    reset.COMMAND,
    stop.COMMAND,
    pair.COMMAND,
)
