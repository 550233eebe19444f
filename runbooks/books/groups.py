"""The alert group a run is started for: what its labels give the run, and the run in its timeline.

Labels come from outside. What they give is checked like anything else that a run is given, and comes into steps as
whole values only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput
from runbooks.alerts.timeline import note
from runbooks.books.spec import Parameter
from runbooks.models import AlertGroup, Job, Run

STARTED, ENDED = "run", "run_ended"


def add_labels(declared: Sequence[Parameter], given: Mapping[str, Any], group_id: int | None) -> dict[str, Any]:
    """Return what a run is given, with the group's labels for the parameters of their names that were not given.

    The parameter `system` is the name of the system that the group is about. BadInput when there is no such group.
    """
    if group_id is None:
        return dict(given)
    group = AlertGroup.objects.select_related("system").filter(pk=group_id).first()
    if group is None:
        raise BadInput(_("There is no alert {number}.").format(number=group_id))
    system = {"system": group.system.name} if group.system is not None else {}
    known = group.labels | group.group_labels | system
    return {each.name: known[each.name] for each in declared if each.name in known} | dict(given)


def tell_group(run: Run, *, job: Job | None = None) -> None:
    """Note in the group's timeline that a run began, or with its job that it ended. In the caller's transaction."""
    if run.group_id is None or run.dry_run or not AlertGroup.objects.filter(pk=run.group_id).exists():
        return
    who = run.requested_name or run.requested_by
    if job is None:
        note(run.group_id, STARTED, run.title, who, run=run.pk)
    else:
        note(run.group_id, ENDED, run.title, who, run=run.pk, state=str(job.state))
