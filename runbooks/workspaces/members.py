"""Who else works in a project, and as what. Maintainers decide; each change is audited."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput
from guardrails.types import Actor
from runbooks.books.asking import names_of
from runbooks.models import CurrentProject, Project, ProjectMember
from runbooks.workspaces.access import MAINTAINER
from runbooks.workspaces.watchers import unwatch_person

MAX_MEMBERS = 100


def set_member(project: Project, person: Actor, role: str, *, actor: Actor, origin: str = "") -> ProjectMember:
    """Let somebody in, or change their role. BadInput for the owner, whose role is what it is."""
    if role not in ProjectMember.Role.values:
        raise BadInput(_("The roles are: {roles}.").format(roles=", ".join(ProjectMember.Role.values)))
    names = names_of(person.subject)
    if project.owner in names:
        raise BadInput(_("{name} owns the project.").format(name=person.name or person.subject))
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        found = project.members.filter(subject__in=names).first()
        if found is None and project.members.count() >= MAX_MEMBERS:
            raise BadInput(_("A project has {count} members at most.").format(count=MAX_MEMBERS))
        member = found or ProjectMember(project=project, subject=person.subject, added_by=actor.subject[:64])
        _check_maintainers(project, found, becomes=role)
        member.role, member.name = role, person.name[:200]
        member.save()
        _audit("project.member", project, person.subject, actor=actor, origin=origin, role=role)
    return member


def remove_member(project: Project, person: Actor, *, actor: Actor, origin: str = "") -> bool:
    """Let somebody in no longer; False when they were not a member."""
    names = names_of(person.subject)
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        found = project.members.filter(subject__in=names).first()
        if found is None:
            return False
        _check_maintainers(project, found, becomes="")
        project.members.filter(subject__in=names).delete()
        CurrentProject.objects.filter(project=project, subject__in=names).delete()
        unwatch_person(project, names)
        _audit("project.member_remove", project, person.subject, actor=actor, origin=origin)
    return True


def list_members(project: Project) -> list[ProjectMember]:
    """Return the members in the order in which they came."""
    return list(project.members.order_by("pk"))


def _check_maintainers(project: Project, member: ProjectMember | None, *, becomes: str) -> None:
    """Raise BadInput when a group's project would lose its last maintainer."""
    loses = member is not None and member.role == MAINTAINER and becomes != MAINTAINER
    if loses and project.owner.startswith("group:") and project.members.filter(role=MAINTAINER).count() < 2:
        raise BadInput(_("A group's project needs a maintainer."))


def _audit(action: str, project: Project, who: str, *, actor: Actor, origin: str, **data: str) -> None:
    audit.record(action, actor=actor.subject, subject=project.ref, origin=origin, member=who, **data)
