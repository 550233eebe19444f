"""/memory and /forget: what is remembered about this chat, and making it go away."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bots.channels.base import Button
from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from clawsite.core import audit
from sessions_app.facts import FactPage, forget, list_facts

PAGE_SIZE = 8


def show(context: CommandContext) -> Answer:
    """List the facts of this session, a page at a time, newest first, with the numbers that /forget takes."""
    wanted = context.args if context.args.isascii() and context.args.isdecimal() else "1"
    page = list_facts(context.session, page=int(wanted[:6]), size=PAGE_SIZE)
    if not page.total:
        return turn_page(context, say(_("I remember nothing about this chat yet.")))
    lines = [f"#{fact.pk}  {fact.text}" for fact in page.items]
    hint = _("To remove one: /forget {number}").format(number=page.items[0].pk)
    text = "\n".join([_head(page), "", *lines, "", hint])
    return turn_page(context, say(text, _pager(page)))


def _head(page: FactPage) -> str:
    head = ngettext("I remember {count} fact here", "I remember {count} facts here", page.total).format(
        count=page.total
    )
    if page.pages == 1:
        return head + ":"
    return head + " " + _("(page {page} of {pages}):").format(page=page.page, pages=page.pages)


def _pager(page: FactPage) -> list[Button | None]:
    back = command_button("◀", "memory", str(page.page - 1)) if page.page > 1 else None
    on = command_button("▶", "memory", str(page.page + 1)) if page.page < page.pages else None
    return [back, on]


def remove(context: CommandContext) -> Answer:
    """Forget a fact by its number, or what all the given words fit."""
    if not context.args:
        return say(_("Tell me what to forget: /forget 12, or /forget my old address. /memory shows the list."))
    gone = forget(context.session, context.args)
    if not gone:
        return say(_("I remember nothing like that. /memory shows the list."))
    numbers = [fact.pk for fact in gone]
    audit.record("fact.forget", actor=context.actor.subject, subject=context.session.ref, facts=numbers)
    lines = [f"• {fact.text}" for fact in gone]
    after = _("The messages themselves stay in this chat; /reset makes me stop reading them.")
    return say("\n".join([_("Forgotten:"), *lines, "", after]))


LIST = Command(
    name="memory",
    description=gettext_lazy("What I remember about this chat"),
    run=show,
    control=True,
    looks=True,
    aliases=("facts",),
)
FORGET = Command(
    name="forget",
    description=gettext_lazy("Make me forget something"),
    run=remove,
)
