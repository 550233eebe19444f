"""/help: what this person can do here, and nothing else."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.commands.base import Answer, Command, CommandContext, say
from bots.commands.catalog import find_command, visible_commands
from bots.commands.spelling import spell


def run(context: CommandContext) -> Answer:
    """List the commands that the actor may use here; with a name, say what that one does."""
    if context.args:
        return _describe(context, context.args)
    lines = [f"/{command.name} - {command.description}" for command in visible_commands(context)]
    intro = _("Write to me in your own words, or use a command:")
    outro = _('Plain words work too, such as "status", "what do you remember?" or "forget my old address".')
    return say("\n".join([intro, "", *lines, "", outro]))


def _describe(context: CommandContext, name: str) -> Answer:
    command = find_command(spell(name.lstrip("/")))
    if command is None or not command.is_allowed(context):
        return say(_("I do not know this command. /help lists what you can use."))
    return say(f"/{command.name} - {command.description}")


COMMAND = Command(
    name="help",
    description=gettext_lazy("What I can do for you"),
    run=run,
    control=True,
    looks=True,
)
