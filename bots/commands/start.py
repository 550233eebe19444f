"""/start: the first thing a person sends."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.commands.base import Answer, Command, CommandContext, command_button, say
from bots.commands.pair import show_code
from guardrails.types import Role


def run(context: CommandContext) -> Answer:
    """Greet somebody we know; show a stranger the way in."""
    if not context.actor.is_at_least(Role.VIEWER):
        return show_code(context)
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
    role=Role.STRANGER,
    control=True,
)
