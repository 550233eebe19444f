"""/status: sections that parts of the system add. One that fails is named as such and hides none of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.commands.base import Answer, Command, CommandContext, say
from bots.commands.degraded import read_services
from bots.commands.phrases import add_phrases
from bots.commands.projects import read_project
from bots.commands.systems import read_systems
from bots.commands.vitals import read_processes, read_queues, read_session, read_version
from clawsite.core.errors import log_unknown
from guardrails.types import Role

Render = Callable[[CommandContext], Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Lines of the status for those who have the role. Lower `order` comes first."""

    name: str
    render: Render
    role: Role = Role.VIEWER
    order: int = 50


_sections: dict[str, Section] = {}


def register_section(render: Render, *, name: str, role: Role = Role.VIEWER, order: int = 50) -> None:
    """Add a section, or replace the one of that name. render: quick, reads rows only, called in the user's language."""
    _sections[name] = Section(name=name, render=render, role=role, order=order)


def run(context: CommandContext) -> Answer:
    """Put together what this person may see; with a name, how that system does."""
    if context.args:
        return say("\n".join(read_systems(context)))
    visible = [section for section in _sections.values() if context.actor.is_at_least(section.role)]
    blocks = ["\n".join(_render(section, context)) for section in sorted(visible, key=lambda each: each.order)]
    return say("\n\n".join(block for block in blocks if block))


def _render(section: Section, context: CommandContext) -> Sequence[str]:
    try:
        with transaction.atomic():
            return section.render(context)
    except Exception as error:  # a section is somebody else's code: whatever it does, the others are shown
        error_id = log_unknown(error, where=f"status section {section.name}")
        return [_("{name}: not available now (error {id})").format(name=section.name, id=error_id)]


register_section(read_systems, name="systems", order=5)
register_section(read_services, name="services", order=8)
register_section(read_session, name="session", order=10)
register_section(read_project, name="project", order=15)
register_section(read_version, name="version", role=Role.OPERATOR, order=18)
register_section(read_processes, name="processes", role=Role.OPERATOR, order=20)
register_section(read_queues, name="queues", role=Role.OPERATOR, order=30)

COMMAND = Command(
    name="status",
    description=gettext_lazy("How I am and what I am doing"),
    run=run,
    control=True,
    looks=True,
)

add_phrases(
    "status",
    "how is the system?", "how is the system doing?", "is the system [ok] [up]?", "health check", "[system] health",
    "como esta o sistema?", "como vai o sistema?", "saude do sistema", "o sistema esta bem?", "situacao do sistema",
    "как [там] система?", "как дела у системы?", "здоровье системы", "проверка здоровья",
    "проверь систему",
)  # fmt: skip
