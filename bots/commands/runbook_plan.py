"""A run that is started for an alert: what it would do is shown first, and a second press starts exactly that.

The labels of an alert come from outside and fill in parameters, so nobody starts what they have not seen. The button
carries the seal of what was shown; when the runbook or the labels gave another plan meanwhile, that is shown instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from bots.commands.base import Answer, CommandContext, command_button, say, turn_page
from bots.commands.runbook_words import Order, write_go
from clawsite.core.errors import BadInput
from runbooks import books
from runbooks.books import Preview
from runbooks.books.starting import check_actor
from runbooks.models import Run, Runbook

ORIGIN = "chat"


def show_plan(context: CommandContext, row: Runbook, params: Mapping[str, str], group_id: int) -> Answer:
    """Show what would run, with the button that starts it."""
    preview = books.preview_run(row.name, params, actor=context.actor, group_id=group_id)
    return _ask(preview, params, group_id, _("This would run:"))


def start_shown(context: CommandContext, order: Order) -> Answer:
    """Start what was shown. Its message stays, without the button; what has changed is shown again."""
    row = Runbook.objects.filter(pk=int(order.name)).first()
    if row is None or order.group_id is None:
        raise BadInput(_("This runbook is no longer there. /runbook lists those that are."))
    try:
        run = _start(context, row, order, order.group_id)
    except books.PlanChanged:
        preview = books.preview_run(row.name, order.params, actor=context.actor, group_id=order.group_id)
        head = "⚠️ " + _("Nothing was started: the runbook or the alert has changed. Now this would run:")
        return turn_page(context, _ask(preview, order.params, order.group_id, head))
    head = _("Started by {name}:").format(name=run.requested_name or run.requested_by)
    text = _describe(head, row.title, run.target, run.parameters, run.plan)
    pressed = context.message is not None and context.message.kind == "callback"
    return turn_page(context, say(text)) if pressed else ()


def _start(context: CommandContext, row: Runbook, order: Order, group_id: int) -> Run:
    """Start it, once for one button: pressed again, by whomever, it is the same run."""
    message = context.message.message_id if context.message else ""
    key = f"plan:{context.session.pk}:{message}:{order.seal}"[:128]
    check_actor(row, context.actor)
    started = Run.objects.filter(session=context.session.pk, job__idempotency_key=key).first() if message else None
    return started or books.start_run(
        row.name,
        order.params,
        actor=context.actor,
        session_id=context.session.pk,
        group_id=group_id,
        origin=ORIGIN,
        idempotency_key=key,
        seal=order.seal,
    )


def _ask(preview: Preview, params: Mapping[str, str], group_id: int, head: str) -> Answer:
    row = preview.runbook
    text = _describe(head, row.title, preview.target, preview.values, preview.plan)
    line = write_go(row.pk, group_id, preview.seal, params)
    button = command_button("▶️ " + _("Start"), "runbook", line)
    if button is None:
        return say("\n".join([text, "", _("To start exactly this, write: /runbook {line}").format(line=line)]))
    return say(text, [button])


def _describe(head: str, title: str, target: str, values: Mapping[str, Any], plan: Sequence[Mapping[str, Any]]) -> str:
    """Return all of a plan: nothing of what runs is left out."""
    given = [f"• {name} = {value}" for name, value in values.items()]
    steps = [line for number, step in enumerate(plan, start=1) for line in _step(number, step)]
    return "\n".join(["🔍 " + head, f"{title} · {target}", *given, "", *steps])


def _step(number: int, step: Mapping[str, Any]) -> list[str]:
    """Return a step, and below it what would undo it."""
    undo = step.get("rollback")
    line = f"{number}. {step['title']}: {step['shown']}"
    return [line, f"   ↩️ {undo['title']}: {undo['shown']}"] if undo else [line]
