"""/settings: shows what this chat is set to and changes it, by words or by buttons."""

from __future__ import annotations

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.channels.base import Button
from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from bots.commands.briefing import follow_clock
from bots.commands.choices import SETTINGS, Setting, find_setting
from clawsite.core import audit
from guardrails.types import Role
from sessions_app.models import Session

PER_ROW = 2


def run(context: CommandContext) -> Answer:
    """Without words: everything. With a setting's name: its values. With a value too: change it."""
    name, value = _split(context.args)
    if not name:
        return turn_page(context, _show_all(context.session))
    setting = find_setting(name)
    if setting is None:
        known = ", ".join(each.name for each in SETTINGS)
        return say(_("There is no such setting. Settings: {names}.").format(names=known))
    if not value:
        return turn_page(context, _show_values(setting, context.session))
    return _change(context, setting, value)


def _split(args: str) -> tuple[str, str]:
    """Part the setting from the value; "time zone" may be written as two words."""
    words = args.split()
    if [word.lower() for word in words[:2]] == ["time", "zone"]:
        words = ["time_zone", *words[2:]]
    return (words[0], " ".join(words[1:])) if words else ("", "")


def _show_all(session: Session) -> Answer:
    lines = [f"{each.title}: {each.show(session)}" for each in SETTINGS]
    hint = _("Press a button to change one, or write for example: /settings time_zone Europe/Lisbon")
    buttons = [command_button(str(each.title), "settings", each.name) for each in SETTINGS]
    return say("\n".join([_("Settings of this chat"), "", *lines, "", hint]), *_rows(buttons))


def _show_values(setting: Setting, session: Session) -> Answer:
    text = _("{title}: now {value}. Choose:").format(title=setting.title, value=setting.show(session))
    current = getattr(session, setting.field)
    buttons = [
        command_button(("✓ " if each.value == current else "") + each.label, "settings", f"{setting.name} {each.word}")
        for each in setting.choices()
    ]
    return say(text, *_rows(buttons), [command_button(_("Back"), "settings")])


def _rows(buttons: list[Button | None]) -> list[list[Button | None]]:
    return [buttons[start : start + PER_ROW] for start in range(0, len(buttons), PER_ROW)]


def _change(context: CommandContext, setting: Setting, text: str) -> Answer:
    """Keep a checked value, audit it, and confirm in the language that now holds."""
    session, value = context.session, setting.read(text)
    Session.objects.filter(pk=session.pk).update(**{setting.field: value})
    setattr(session, setting.field, value)
    audit.record(
        "session.settings", actor=context.actor.subject, subject=session.ref, setting=setting.name, value=value
    )
    if setting.field == "time_zone":
        follow_clock(context)
    with translation.override(session.language or context.language):
        said = _("Done. {title}: {value}.").format(title=setting.title, value=setting.show(session))
        return turn_page(context, say(said, [command_button(_("Settings"), "settings")]))


COMMAND = Command(
    name="settings",
    description=gettext_lazy("Language, time zone, model, memory"),
    run=run,
    group_role=Role.OPERATOR,
)
