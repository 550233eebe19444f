"""What does not work now, in /status: outside services that do not answer, and what is used instead."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from bots.agent.targets import SERVICE as MODEL
from bots.commands.base import CommandContext
from bots.commands.figures import show_span
from bots.service_kinds import name_kind
from clawsite.core import services
from clawsite.core.services import ServiceReport
from guardrails.types import Role

MOST = 10


def read_services(context: CommandContext) -> Sequence[str]:
    """Name the models that do not answer, and to operators everything else that does not."""
    return name_failing(sees_all=context.actor.is_at_least(Role.OPERATOR))


def name_failing(*, sees_all: bool) -> Sequence[str]:
    """Return a sentence about each service that does not answer, or about models only."""
    failing = [each for each in services.report() if each.is_failing and (sees_all or each.kind == MODEL)]
    return [_line(each) for each in failing[:MOST]]


def _line(each: ServiceReport) -> str:
    now = timezone.now()
    since = show_span(now - (each.failing_since or now))
    if each.kind == MODEL and each.fallback:
        return "⚠️ " + _("{name} has not answered for {age}; I use {other} instead.").format(
            name=_short(each.name), age=since, other=_short(each.fallback)
        )
    if each.kind == MODEL:
        return "⚠️ " + _("{name} has not answered for {age}. Commands work.").format(name=_short(each.name), age=since)
    return "⚠️ " + _("{kind} {name}: no answer for {age}").format(kind=name_kind(each.kind), name=each.name, age=since)


def _short(name: str) -> str:
    return name.partition("@")[0]
