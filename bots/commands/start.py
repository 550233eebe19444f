"""/start: the first thing a person sends."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.commands.base import Answer, Command, CommandContext, command_button, say


def run(context: CommandContext) -> Answer:
    """Greet."""
    text = _(
        "Hello {name}! Ask me anything in your own words, or send a photo or a file with your question.\n\n"
        "/help shows what I can do."
    ).format(name=context.actor.name)
    buttons = [command_button(_("Help"), "help"), command_button(_("Settings"), "settings")]
    return say(text, buttons)


COMMAND = Command(
    name="start",
    description=gettext_lazy("Say hello"),
    run=run,
    control=True,
)
