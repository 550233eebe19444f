"""What a first deploy that ended in the middle leaves: nothing was there before, so nothing is left there.

Invariant: `current` is taken away only while it leads to the commit of that deploy and no other one is at work or live.
"""

from __future__ import annotations

from typing import Any

import msgspec

from guardrails.types import Role
from runbooks.jobs import JobContext, JobKind
from runbooks.models import Deploy
from runbooks.workspaces import git
from runbooks.workspaces.deploys.releases import current_commit, switch
from runbooks.workspaces.deploys.starting import CLEAR

_OTHERS = (Deploy.State.RUNNING, Deploy.State.LIVE)


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The deploy that ended half done."""

    deploy: int


def run(ctx: JobContext) -> Any:
    """Take the link away, unless somebody has put something better there."""
    deploy = Deploy.objects.select_related("project", "environment").get(pk=ctx.params["deploy"])
    place = (deploy.project, deploy.environment.name)
    # Whoever switches holds the same lock, and says that they are at work before.
    with git.alone(deploy.project):
        others = Deploy.objects.filter(environment=deploy.environment, state__in=_OTHERS).exists()
        clears = not others and current_commit(*place) == deploy.commit
        if clears:
            switch(*place, "")
    return {"cleared": clears}


DEPLOY_CLEAR = JobKind(
    name=CLEAR,
    run=run,
    description="Takes away what a first deploy left that ended in the middle.",
    role=Role.ADMIN,
    params=Params,
)
