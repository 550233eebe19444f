"""Who may have a job do something to a project: asked again when the job runs, because any program can make a job.

A member is asked for by their role then. What an admin ordered, who need be no member, carries a seal of ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core import signing
from django.utils.crypto import constant_time_compare

from clawsite.core.errors import NotAllowed
from guardrails.types import Actor
from runbooks.models import Job, Project
from runbooks.workspaces.access import check_role, role_of
from runbooks.workspaces.askers import asker_of

SEAL = "seal"
_SALT = "pipeline order"


def sealed(params: Mapping[str, Any], project: Project, *, actor: Actor, session_id: int | None) -> dict[str, Any]:
    """Return the parameters of a job, with a seal when the actor orders it as an admin who is no member."""
    if role_of(project, actor=actor, session_id=session_id):
        return dict(params)
    return {**params, SEAL: _make_seal(params, actor.subject)}


def check_order(job: Job, project: Project, *, role: str) -> None:
    """Raise unless who asked for this job has the role in the project, or an admin ordered exactly this."""
    given = {name: value for name, value in job.params.items() if name != SEAL}
    seal = str(job.params.get(SEAL, ""))
    if seal:
        if not constant_time_compare(seal, _make_seal(given, job.requested_by)):
            raise NotAllowed("This order is not one of an admin.")
        return
    check_role(project, actor=asker_of(job), session_id=job.session_id, role=role)


def _make_seal(params: Mapping[str, Any], subject: str) -> str:
    text = json.dumps([subject, dict(params)], sort_keys=True)
    return signing.Signer(salt=_SALT).signature(text)
