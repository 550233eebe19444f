"""For whom a job works, who may approve a change request, and who is one person under several names."""

from __future__ import annotations

from clawsite.core.errors import BadInput
from guardrails.types import Actor, Role
from runbooks.books.asking import name_of, names_of
from runbooks.models import Job, Project
from runbooks.workspaces.access import maintainers_of
from runbooks.workspaces.gitops.spec import GitOps


def actor_of(job: Job) -> Actor:
    """Return for whom a job works: an operator, since others cannot start one. What they may is checked again."""
    return Actor(subject=job.owner, role=Role.OPERATOR, name=name_of(job.owner))


def find_deciders(project: Project, policy: GitOps, *, requested_by: str) -> list[set[str]]:
    """Return the people who may approve, each as all their names: maintainers, and who asked only if nobody else.

    BadInput when they are fewer than it takes.
    """
    people: list[set[str]] = []
    for subject in maintainers_of(project):
        names = names_of(subject)
        if subject.partition(":")[0] in ("user", "contact") and not any(names & each for each in people):
            people.append(names)
    others = [each for each in people if not each & names_of(requested_by)]
    found = people if policy.allow_self or not others else others
    if len(found) < policy.approvals:
        raise BadInput(f"It takes {policy.approvals} maintainers to agree; {project.name} has {len(found)} who may.")
    return found
