"""What people do with change requests from a chat: look at the open ones, merge one, close one."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Actor
from runbooks.books.asking import names_of
from runbooks.models import ChangeRequest, Job, Project
from runbooks.workspaces.access import MAINTAINER, VIEWER, access_project, check_role
from runbooks.workspaces.gitops.asking import is_agreed, withdraw
from runbooks.workspaces.gitops.showing import UNDECIDED, State, end_change
from runbooks.workspaces.gitops.starting import start_merge


def open_changes(project: Project, *, limit: int = 10) -> list[ChangeRequest]:
    """Return the newest change requests of a project that are not over."""
    return list(ChangeRequest.objects.filter(project=project, state__in=UNDECIDED).order_by("-pk")[:limit])


def access_change(number: str, *, actor: Actor, session_id: int | None, role: str = VIEWER) -> ChangeRequest:
    """Return a change request by its number. One answer for what is absent and what is not theirs."""
    pk = int(number) if number.isascii() and number.isdecimal() and len(number) <= 18 else 0
    change = ChangeRequest.objects.select_related("project").filter(pk=pk).first()
    try:
        if change is not None:
            access_project(change.project.key, actor=actor, session_id=session_id)
    except NotAllowed:
        change = None
    if change is None:
        raise NotAllowed(_("There is no such change."))
    check_role(change.project, actor=actor, session_id=session_id, role=role)
    return change


def ask_merge(change: ChangeRequest, *, actor: Actor, session_id: int | None, origin: str = "") -> Job:
    """Start a merge that may be; BadInput for one that may not yet, or that is over."""
    access_project(change.project.key, actor=actor, session_id=session_id, role=change.role)
    _check_open(change)
    if change.state == State.OPEN and not is_agreed(change):
        raise BadInput(_("This change is not approved yet."))
    return start_merge(change, actor=actor, origin=origin)


def close_change(change: ChangeRequest, *, actor: Actor, session_id: int | None) -> None:
    """Give a change up: who asked for it may, and every maintainer. Its branch stays."""
    role = VIEWER if change.requested_by in names_of(actor.subject) else MAINTAINER
    check_role(change.project, actor=actor, session_id=session_id, role=role)
    with transaction.atomic():
        if not end_change(change, State.CLOSED, by=actor.subject):
            _check_open(change)
        withdraw(change, actor=actor.subject)


def _check_open(change: ChangeRequest) -> None:
    if change.state not in UNDECIDED:
        raise BadInput(_("This change is over."))
