"""Who may do what in a project. One answer for what is absent and what is somebody else's.

The owner is a maintainer, the people of an owning group chat are developers, others what their row says. Changing needs
an operator besides. Being an admin opens no project: the admin pages show all of them.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed, NotFound
from guardrails.models import Approval
from guardrails.types import Actor, Role
from runbooks.books.asking import names_of
from runbooks.models import CurrentProject, Project, ProjectMember
from sessions_app.models import Contact, GroupAccess, Session

VIEWER, DEVELOPER, MAINTAINER = (str(role) for role in ProjectMember.Role)
_RANK = {"": 0, VIEWER: 1, DEVELOPER: 2, MAINTAINER: 3}


def access_project(
    name_or_key: str, *, actor: Actor, session_id: int | None = None, role: str = VIEWER, archived: bool = False
) -> Project:
    """Return a project by its key or name, for somebody who has at least this role in it.

    Of several of one name, that of the group comes first, then the actor's own. NotFound for what is absent and for
    what is not theirs; NotAllowed for a member whose role is too small, and for a change of an archived project unless
    `archived`.
    """
    wanted = Q(key=name_or_key) | Q(name=name_or_key)
    found = [each for each in _visible(actor, session_id) if name_or_key in (each.key, each.name)]
    if not found:
        _audit_refusal(list(Project.objects.filter(wanted)[:1]), actor, role)
        raise NotFound(_("There is no project “{name}”.").format(name=name_or_key[:63]))
    project = min(found, key=lambda each: each.key != name_or_key)  # another's may be named like the key of this one
    check_role(project, actor=actor, session_id=session_id, role=role)
    if project.state != Project.State.READY and role != VIEWER:
        raise BadInput(_("{name} is not ready yet.").format(name=project.name))
    if project.archived and role != VIEWER and not archived:
        raise NotAllowed(_("{name} is archived.").format(name=project.name))
    return project


def current_project(session_id: int, actor: Actor, role: str = VIEWER) -> Project:
    """Return the project that somebody chose in this chat; in a group that has one project, that one."""
    chosen = CurrentProject.objects.filter(session_id=session_id, subject__in=names_of(actor.subject))
    row = chosen.select_related("project").order_by("-chosen_at").first()
    key = row.project.key if row is not None else _only_one_of_group(session_id)
    if not key:
        raise BadInput(_("Choose a project first: /projects."))
    return access_project(key, actor=actor, session_id=session_id, role=role)


def list_projects(actor: Actor, session_id: int | None = None, *, archived: bool = False) -> list[Project]:
    """Return the projects that somebody may look at: the group's first, then their own, then those they work in."""
    return [each for each in _visible(actor, session_id) if archived or not each.archived]


def role_of(project: Project, *, actor: Actor, session_id: int | None = None) -> str:
    """Return the role of somebody in a project, "" when they have none."""
    names = names_of(actor.subject)
    if project.owner in names:
        return MAINTAINER
    roles = list(project.members.filter(subject__in=names).values_list("role", flat=True))
    if project.owner in _groups(names, session_id):
        roles.append(DEVELOPER)
    return max(roles, key=_RANK.__getitem__, default="")


def check_role(project: Project, *, actor: Actor, session_id: int | None = None, role: str = VIEWER) -> None:
    """Raise NotFound for who has no role in a project or is a stranger, NotAllowed for who has too small a one."""
    has = role_of(project, actor=actor, session_id=session_id)
    if not has or not actor.is_at_least(Role.VIEWER):
        _audit_refusal([project], actor, role)
        raise NotFound(_("There is no project “{name}”.").format(name=project.name))
    if _RANK[has] < _RANK[role]:
        _audit_refusal([project], actor, role)
        raise NotAllowed(_("In {name} this needs the role {role}.").format(name=project.name, role=role))
    if role != VIEWER and not actor.is_at_least(Role.OPERATOR):
        _audit_refusal([project], actor, role)
        raise NotAllowed(_("Only operators may change a project."))


def get_project(key: str) -> Project:
    """Return the project of a job's parameters, which were checked when the job was made."""
    found = Project.objects.filter(key=key).first()
    if found is None:
        raise NotFound(_("There is no project “{name}”.").format(name=key[:63]))
    return found


def maintainers_of(project: Project) -> list[str]:
    """Return the subjects of a project's maintainers."""
    owner = [] if project.owner.startswith("group:") else [project.owner]
    rows = project.members.filter(role=MAINTAINER).values_list("subject", flat=True)
    return list(dict.fromkeys([*owner, *rows]))


def is_decided_still(project: Project, approval: Approval) -> bool:
    """Tell whether who decided what maintainers were asked is one still. Admins, who may always, are not listed."""
    still = set().union(*map(names_of, maintainers_of(project)))
    return approval.decided_by not in approval.allowed or approval.decided_by in still


def group_of(session_id: int | None) -> GroupAccess | None:
    """Return the allowed group that a session is the chat of, or None."""
    session = Session.objects.filter(pk=session_id, kind=Session.Kind.GROUP).first() if session_id else None
    if session is None:
        return None
    return GroupAccess.objects.filter(channel_id=session.channel_id, chat_id=session.chat_id, allowed=True).first()


def _visible(actor: Actor, session_id: int | None) -> list[Project]:
    if not actor.is_at_least(Role.VIEWER):
        return []
    names = names_of(actor.subject)
    groups = _groups(names, session_id)
    mine = Q(owner__in=[*names, *groups]) | Q(members__subject__in=names)
    rows = Project.objects.filter(mine).distinct()
    here = group_of(session_id)
    first = f"group:{here.pk}" if here is not None else ""
    return sorted(rows, key=lambda each: (each.owner != first, each.owner not in names, each.name, each.pk))


def _groups(names: Collection[str], session_id: int | None) -> set[str]:
    """Return the owners that stand for groups these names belong to: where they talk, and where they are listed."""
    wanted = Q(pk__in=_numbers(names, "contact")) | Q(user_id__in=_numbers(names, "user"))
    people = Contact.objects.filter(wanted, state=Contact.State.APPROVED)
    listed = GroupAccess.objects.filter(allowed=True, members__in=people)
    found = {f"group:{group.pk}" for group in listed}
    here = group_of(session_id)
    if here is not None and people and not here.members.exists():
        found.add(f"group:{here.pk}")
    return found


def _numbers(names: Collection[str], kind: str) -> list[int]:
    parts = (name.partition(":") for name in names)
    return [int(number) for each, _colon, number in parts if each == kind and number.isdecimal()]


def _only_one_of_group(session_id: int) -> str:
    group = group_of(session_id)
    if group is None:
        return ""
    rows = list(Project.objects.filter(owner=f"group:{group.pk}", archived=False)[:2])
    return rows[0].key if len(rows) == 1 else ""


def _audit_refusal(projects: Collection[Project], actor: Actor, role: str) -> None:
    """Record that somebody wanted what is not theirs; what does not exist is no news."""
    for project in projects:
        audit.record_refusal("project.refused", actor=actor.subject, subject=project.ref, role=role)
