"""/approve and /reject: deciding a request by its code, where there are no buttons or they do not work."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots import texts
from bots.commands.base import Answer, Command, CommandContext, say
from bots.commands.phrases import add_phrases
from guardrails.approvals import decide


def _decide(context: CommandContext, *, approve: bool) -> Answer:
    key = context.args.strip().lower()
    if not key:
        line = f"/{'approve' if approve else 'reject'} k7f2pabcdefg"
        return say(_("Add the code that stands in the request, such as: {line}").format(line=line))
    outcome = decide(key, actor=context.actor, approve=approve).outcome
    return say(texts.decision(outcome, context.actor.name))


def approve(context: CommandContext) -> Answer:
    """Allow exactly what was asked for, once."""
    return _decide(context, approve=True)


def reject(context: CommandContext) -> Answer:
    """Refuse it."""
    return _decide(context, approve=False)


APPROVE = Command(
    name="approve",
    description=gettext_lazy("Approve a request by its code"),
    run=approve,
    control=True,
)
REJECT = Command(
    name="reject",
    description=gettext_lazy("Reject a request by its code"),
    run=reject,
    control=True,
)
add_phrases("approve", "approve {code}", "aprovar {code}", "aprova {code}", "одобрить {code}", "одобри {code}")
add_phrases("reject", "reject {code}", "rejeitar {code}", "rejeita {code}", "отклонить {code}", "отклони {code}")
