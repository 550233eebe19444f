"""The commands that always exist, in the order of the menu. A new one is a module and a line here."""

from __future__ import annotations

from bots.commands import (
    alerts,
    briefing,
    context,
    decide,
    help,
    incident,
    memory,
    pair,
    reset,
    runbook,
    settings,
    start,
    status,
    stop,
)

COMMANDS = (
    start.COMMAND,
    help.COMMAND,
    status.COMMAND,
    alerts.COMMAND,
    incident.COMMAND,
    incident.LIST,
    runbook.COMMAND,
    briefing.COMMAND,
    settings.COMMAND,
    memory.LIST,
    memory.FORGET,
    context.COMMAND,
    reset.COMMAND,
    stop.COMMAND,
    decide.APPROVE,
    decide.REJECT,
    pair.COMMAND,
)
