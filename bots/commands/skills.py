"""/skills: which skills there are, and which of them are on in this conversation. Operators switch them."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.channels.base import Button
from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from bots.skills.offered import check_files, list_enabled, set_active
from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.sandbox import has_sandbox
from guardrails.types import Role
from sessions_app.models import Skill

SHOWN = 20
DESCRIPTION_CHARS = 200


def run(context: CommandContext) -> Answer:
    """List the skills; `on NAME` and `off NAME` switch one in this conversation."""
    verb, _space, name = context.args.partition(" ")
    if verb.lower() in ("on", "off"):
        return turn_page(context, _switch(context, name.strip(), on=verb.lower() == "on"))
    if verb:
        return say(_("Use /skills, /skills on NAME or /skills off NAME."))
    return turn_page(context, _list(context))


def _list(context: CommandContext, head: str = "") -> Answer:
    enabled = list_enabled()
    if not enabled:
        return say(_("No skill is switched on here. An admin installs and enables them."))
    lines = [_line(context, skill) for skill in enabled[:SHOWN]]
    may = context.actor.is_at_least(Role.OPERATOR)
    rows = [[_button(context, skill)] for skill in enabled[:SHOWN]] if may else []
    return say("\n".join([head or _("Skills (✅ is on in this chat):"), "", *lines]), *rows)


def _line(context: CommandContext, skill: Skill) -> str:
    mark = "✅" if skill.pk in context.session.skills else "▫️"
    about = skill.description[:DESCRIPTION_CHARS]
    note = ""
    if any(not tool["command"] for tool in skill.tools) and not has_sandbox():
        note = " " + _("(Its own code cannot run: this machine has no sandbox.)")
    return f"{mark} {skill.name}: {about}{note}"


def _button(context: CommandContext, skill: Skill) -> Button | None:
    if skill.pk in context.session.skills:
        return command_button(_("Switch off {name}").format(name=skill.name), "skills", f"off {skill.name}")
    return command_button(_("Switch on {name}").format(name=skill.name), "skills", f"on {skill.name}")


def _switch(context: CommandContext, name: str, *, on: bool) -> Answer:
    """Switch a skill on or off here, audited. A skill whose files changed goes off everywhere, with a sentence."""
    if not context.actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("Only an operator may do this."))
    skill = next((each for each in list_enabled() if each.name == name.lower()), None)
    if skill is None:
        known = ", ".join(each.name for each in list_enabled()) or _("none")
        raise BadInput(_("There is no skill of this name. Skills: {names}.").format(names=known))
    if on and not check_files(skill):
        return say(_("{name} was switched off: its files are not those that an admin looked at.").format(name=name))
    if set_active(context.session, skill, on=on):
        audit.record("session.skill", actor=context.actor.subject, subject=context.session.ref, skill=skill.name, on=on)
    said = _("{name} is on in this chat.") if on else _("{name} is off in this chat.")
    return _list(context, said.format(name=skill.name))


COMMAND = Command(
    name="skills",
    description=gettext_lazy("What I have learned to do, and what of it holds here"),
    run=run,
)
