"""The environments of a project as rows: made when claw.yaml names them, locked and unlocked by people."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.redact import redact
from guardrails.types import Actor
from runbooks.books.asking import names_of
from runbooks.models import Deploy, Environment, EnvironmentLock, Project
from runbooks.workspaces.access import DEVELOPER, MAINTAINER, check_role, role_of
from runbooks.workspaces.manifest import Manifest

REASON_CHARS = 200


def keep_environments(project: Project, manifest: Manifest) -> dict[str, Environment]:
    """Make the rows of the environments that claw.yaml names, in its order; those it no longer names stay."""
    found: dict[str, Environment] = {}
    for position, name in enumerate(manifest.environments):
        row, made = Environment.objects.get_or_create(project=project, name=name, defaults={"position": position})
        if not made and row.position != position:
            Environment.objects.filter(pk=row.pk).update(position=position)
        found[name] = row
    return found


def get_environment(project: Project, name: str) -> Environment:
    """Return an environment that was deployed to, or is named in claw.yaml as it was read last; BadInput for others."""
    row = Environment.objects.select_related("project", "lock").filter(project=project, name=name).first()
    if row is None:
        known = ", ".join(Environment.objects.filter(project=project).values_list("name", flat=True))
        raise BadInput(
            _("There is no environment “{name}”. There are: {known}").format(name=name[:32], known=known)
            if known
            else _("{project} was not deployed yet: /deploy {name}").format(project=project.name, name=name[:32])
        )
    return row


def live_in(environment: Environment) -> Deploy | None:
    """Return what is live, or None."""
    return Deploy.objects.filter(environment=environment, state=Deploy.State.LIVE).first()


def lock_environment(
    environment: Environment, reason: str, *, actor: Actor, session_id: int | None = None, origin: str = ""
) -> EnvironmentLock:
    """Keep others from deploying; the same person may change the reason. BadInput when somebody else has it."""
    check_role(environment.project, actor=actor, session_id=session_id, role=DEVELOPER)
    reason = redact(" ".join(reason.split()))[:REASON_CHARS]
    if not reason:
        raise BadInput(_("Say why: /lock {name} REASON").format(name=environment.name))
    with transaction.atomic():
        Environment.objects.select_for_update().get(pk=environment.pk)
        lock = EnvironmentLock.objects.filter(environment=environment).first()
        if lock is not None and lock.owner not in names_of(actor.subject):
            raise BadInput(
                _("{name} is locked by {who} already: {reason}").format(
                    name=environment.name, who=lock.owner_name or lock.owner, reason=lock.reason
                )
            )
        values = {"owner": actor.subject, "owner_name": actor.name[:200], "reason": reason}
        made = EnvironmentLock.objects.update_or_create(environment=environment, defaults=values)[0]
        audit.record("environment.lock", actor=actor.subject, subject=environment.ref, origin=origin, reason=reason)
    return made


def unlock_environment(
    environment: Environment, *, actor: Actor, session_id: int | None = None, origin: str = ""
) -> bool:
    """Let others deploy again; False when it is not locked. It takes who locked it, or a maintainer."""
    check_role(environment.project, actor=actor, session_id=session_id, role=DEVELOPER)
    with transaction.atomic():
        lock = EnvironmentLock.objects.select_for_update().filter(environment=environment).first()
        if lock is None:
            return False
        is_own = lock.owner in names_of(actor.subject)
        if not is_own and role_of(environment.project, actor=actor, session_id=session_id) != MAINTAINER:
            audit.record_refusal(
                "environment.unlock_refused", actor=actor.subject, subject=environment.ref, origin=origin
            )
            raise NotAllowed(
                _("Only {who}, who locked it, or a maintainer may unlock it.").format(who=lock.owner_name or lock.owner)
            )
        lock.delete()
        audit.record("environment.unlock", actor=actor.subject, subject=environment.ref, origin=origin)
    return True
