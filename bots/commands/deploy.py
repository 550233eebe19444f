"""/deploy, /rollback, /lock, /unlock and /approve_production: bringing commits to environments, and taking them back.

The commands only ask: what it takes is in git and on the disk, so jobs look at it. The job's card is the answer.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots import texts
from bots.channels.base import Button
from bots.code import returning
from bots.commands.base import Answer, Command, CommandContext, command_button, say
from bots.commands.phrases import add_phrases
from bots.commands.spelling import as_typed
from clawsite.core.errors import BadInput, NotFound
from guardrails.approvals import decide, may_decide
from guardrails.models import Approval
from guardrails.types import Role
from runbooks import jobs
from runbooks.books.asking import KIND as APPROVAL_KIND
from runbooks.books.plan import digest
from runbooks.models import Deploy, Environment, Job, Project, Run
from runbooks.workspaces import deploys
from runbooks.workspaces.access import DEVELOPER, access_project, check_role, current_project

ORIGIN = "chat"
IN = "in"
CANCEL = "cancel"
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")


def deploy(context: CommandContext) -> Answer:
    """Ask for a deploy; without an environment, ask which."""
    words = _words(context)
    if words and words[0] == CANCEL:
        return _cancel(context, words[1:])
    project, words = project_and_words(context)
    if not words:
        return _which(project, "deploy")
    if len(words) > 2:
        raise BadInput(_("Write: /deploy ENVIRONMENT [COMMIT]"))
    ref = words[1] if len(words) == 2 else ""
    return _start(context, project, words[0], ref=ref, kind=Deploy.Kind.DEPLOY)


def rollback(context: CommandContext) -> Answer:
    """Ask for the release before, or for one that was live some time; or for the project as it was at a commit."""
    project, words = project_and_words(context)
    if not words:
        return _which(project, "rollback", command_button(_("Last change"), "undo"))
    if len(words) > 2:
        raise BadInput(_("Write: /rollback ENVIRONMENT [COMMIT], or /rollback COMMIT"))
    if len(words) == 1 and _COMMIT.fullmatch(words[0]) and not _is_environment(project, words[0]):
        return _return(context, project, words[0])
    ref = words[1] if len(words) == 2 else ""
    return _start(context, project, words[0], ref=ref, kind=Deploy.Kind.ROLLBACK)


def _is_environment(project: Project, name: str) -> bool:
    return Environment.objects.filter(project=project, name=name.lower()).exists()


def _return(context: CommandContext, project: Project, sha: str) -> Answer:
    """Have the project go back to a commit, by a new one; the job asks before."""
    check_role(project, actor=context.actor, session_id=context.session.pk, role=DEVELOPER)
    jobs.create_job(
        returning.NAME,
        params={"project": project.key, "sha": sha.lower(), "language": context.language},
        actor=context.actor,
        session_id=context.session.pk,
        start=True,
        origin=ORIGIN,
    )
    return ()


def lock(context: CommandContext) -> Answer:
    """Keep others from an environment."""
    project, words = project_and_words(context)
    if len(words) < 2:
        raise BadInput(_("Write: /lock ENVIRONMENT REASON"))
    environment = deploys.get_environment(project, words[0].lower())
    made = deploys.lock_environment(
        environment, " ".join(words[1:]), actor=context.actor, session_id=context.session.pk, origin=ORIGIN
    )
    free = command_button(_("Unlock"), "unlock", f"{environment.name} in {project.key}")
    return say("🔒 " + _("{name} is locked: {reason}").format(name=environment.name, reason=made.reason), [free])


def unlock(context: CommandContext) -> Answer:
    """Let others deploy again."""
    project, words = project_and_words(context)
    if len(words) != 1:
        raise BadInput(_("Write: /unlock ENVIRONMENT"))
    environment = deploys.get_environment(project, words[0].lower())
    freed = deploys.unlock_environment(environment, actor=context.actor, session_id=context.session.pk, origin=ORIGIN)
    return say(
        "🔓 " + _("{name} is not locked any more.").format(name=environment.name)
        if freed
        else _("{name} is not locked.").format(name=environment.name)
    )


def approve_production(context: CommandContext) -> Answer:
    """Approve what waits in the current project; of several, ask which."""
    words = _words(context)
    if words:
        return say(
            texts.decision(decide(words[0].lower(), actor=context.actor, approve=True).outcome, context.actor.name)
        )
    project = current_project(context.session.pk, context.actor)
    waiting = [each for each in _waiting(project) if may_decide(each, actor=context.actor)]
    if not waiting:
        return say(_("Nothing of {project} waits for your approval.").format(project=project.name))
    if len(waiting) == 1:
        outcome = decide(waiting[0].key, actor=context.actor, approve=True).outcome
        return say(f"{texts.decision(outcome, context.actor.name)}\n{_label(waiting[0])}")
    rows = [[command_button(_label(each), "approve_production", each.key)] for each in waiting]
    return say(_("Several deployments wait. Which one?"), *rows)


def _words(context: CommandContext) -> list[str]:
    return as_typed(context.args, context.message.text if context.message else "").split()


def project_and_words(context: CommandContext) -> tuple[Project, list[str]]:
    """Return the project that `in NAME` at the end names, the chosen one otherwise, and the other words."""
    words = _words(context)
    if (len(words) > 2 and words[-2].lower() == IN) or (len(words) == 2 and words[0].lower() == IN):
        return access_project(words[-1], actor=context.actor, session_id=context.session.pk), words[:-2]
    return current_project(context.session.pk, context.actor), words


def _which(project: Project, name: str, *others: Button | None) -> Answer:
    rows = Environment.objects.filter(project=project).order_by("position")
    buttons = [command_button(each.name, name, f"{each.name} in {project.key}") for each in rows]
    if not buttons:
        return say(_("Say where to: /{command} staging").format(command=name), others)
    return say(_("Which environment of {project}?").format(project=project.name), buttons, others)


def _start(context: CommandContext, project: Project, environment: str, *, ref: str, kind: Deploy.Kind) -> Answer:
    """Start it; its card is the answer. A button that is pressed twice asks once, and takes back once only."""
    once = _press(context, kind, project.key, environment.lower(), ref)
    pressed = Job.objects.filter(owner=context.actor.subject, idempotency_key=once).first() if once else None
    if pressed is not None and pressed.is_over:
        if kind == Deploy.Kind.ROLLBACK:
            return say(_("This deployment is over already."))  # going further back is said in words
        once = ""
    deploys.start_deploy(
        project,
        environment.lower(),
        ref=ref,
        kind=kind,
        actor=context.actor,
        session_id=context.session.pk,
        origin=ORIGIN,
        idempotency_key=once,
    )
    return ()


def _press(context: CommandContext, *what: str) -> str:
    """Return the key of a pressed button: which one, of which message; "" for what was typed."""
    message = context.message
    if message is None or message.kind != "callback":
        return ""
    return f"press:{context.session.pk}:{digest([message.message_id, *what])}"


def _cancel(context: CommandContext, words: list[str]) -> Answer:
    """Have a deploy stop, on behalf of whoever may deploy."""
    known = len(words) == 1 and len(words[0]) >= 8 and words[0].isalnum()
    job = Job.objects.filter(kind="deploy", key__startswith=words[0]).first() if known else None
    if job is None:
        raise BadInput(_("There is no such deployment."))
    try:
        project = access_project(job.params["project"], actor=context.actor, session_id=context.session.pk)
    except NotFound:
        raise BadInput(_("There is no such deployment.")) from None
    check_role(project, actor=context.actor, session_id=context.session.pk, role=DEVELOPER)
    if job.is_over:
        return say(_("This deployment is over already."))
    jobs.cancel_job(job.key, actor=context.actor, origin=ORIGIN)
    return say(_("The deployment is being stopped."))


def _waiting(project: Project) -> list[Approval]:
    unended = Deploy.objects.filter(environment__project=project, state__in=deploys.OPEN)
    runs = unended.filter(job__run__open=True).values_list("job__run", flat=True)
    rows = Approval.objects.filter(kind=APPROVAL_KIND, state=Approval.State.WAITING, data__run__in=list(runs))
    return list(rows.order_by("expires_at", "pk"))  # as the index of what waits has them


def _label(approval: Approval) -> str:
    run = Run.objects.get(pk=approval.data["run"])
    return f"{run.parameters['environment']} {run.parameters['commit'][:8]} · {run.requested_name}"


DEPLOY = Command(
    name="deploy", description=gettext_lazy("Deploy the project: /deploy staging"), run=deploy, role=Role.OPERATOR
)
ROLLBACK = Command(
    name="rollback",
    description=gettext_lazy("Go back to the previous release, or to a commit"),
    run=rollback,
    role=Role.OPERATOR,
)
LOCK = Command(name="lock", description=gettext_lazy("Keep others from an environment"), run=lock, role=Role.OPERATOR)
UNLOCK = Command(name="unlock", description=gettext_lazy("Let others deploy again"), run=unlock, role=Role.OPERATOR)
APPROVE = Command(
    name="approve_production",
    description=gettext_lazy("Approve the deployment that waits"),
    run=approve_production,
    role=Role.OPERATOR,
    control=True,
)
add_phrases("deploy", "deploy to {args}")
add_phrases("deploy", "implantar [em] {args}", "implanta [em] {args}", "fazer deploy em {args}", "faz deploy em {args}")
add_phrases("deploy", "выкатить [на] [в] {args}", "выкати [на] [в] {args}", "задеплоить [на] [в] {args}")
add_phrases("rollback", "roll back {args}", "reverter {args}", "откатить {args}", "откати {args}")
add_phrases("lock", "lock environment {args}", "bloquear ambiente {args}", "заблокировать окружение {args}")
add_phrases("unlock", "unlock environment {args}", "desbloquear ambiente {args}", "разблокировать окружение {args}")
add_phrases(
    "approve_production",
    "approve production",
    "aprovar producao",
    "aprova producao",
    "одобрить продакшен",
    "одобри продакшен",
)
