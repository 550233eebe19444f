"""The job that shows the log of an environment: once, as a file, or followed for a while in a card that changes."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
from django.conf import settings
from django.db import transaction
from msgspec import Meta

from clawsite.core.errors import BadInput
from clawsite.core.oldfiles import remove_old
from guardrails.types import Actor, Role
from runbooks.jobs import JobContext, JobKind, cancel_job, create_job
from runbooks.models import Environment, Job, Project
from runbooks.models.job import ENDS
from runbooks.workspaces.access import VIEWER, check_role, get_project
from runbooks.workspaces.askers import asker_of
from runbooks.workspaces.deploys import gates
from runbooks.workspaces.deploys.environments import keep_environments, live_in
from runbooks.workspaces.deploys.reading import WHOLE_BYTES, last_lines, read_logs
from runbooks.workspaces.manifest import Logs, read_manifest
from sessions_app.cards import put_card
from sessions_app.models import Card

KIND = "log_follow"
FOLLOW_SECONDS = 300.0
EVERY_SECONDS = 3.0
FOLLOWED_LINES = 30
SHOWN_CHARS = 3000
FOLDER, KEPT_DAYS = "logs", 4


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of which environment, how many lines; follow: for a while; whole: as a file."""

    project: Annotated[str, Meta(min_length=1, max_length=64)]
    environment: Annotated[str, Meta(max_length=32)] = ""
    lines: Annotated[int, Meta(ge=1, le=500)] = FOLLOWED_LINES
    follow: bool = False
    whole: bool = False


def show_logs(
    project: Project,
    environment: str,
    *,
    actor: Actor,
    session_id: int,
    lines: int = FOLLOWED_LINES,
    follow: bool = False,
    whole: bool = False,
    origin: str = "",
) -> Job:
    """Start the job; its card is the answer."""
    check_role(project, actor=actor, session_id=session_id, role=VIEWER)
    given = {"project": project.key, "environment": environment, "lines": lines, "follow": follow, "whole": whole}
    if follow:
        _stop_others(session_id, actor=actor, origin=origin)
    return create_job(KIND, params=given, actor=actor, session_id=session_id, start=True, origin=origin)


def _stop_others(session_id: int, *, actor: Actor, origin: str) -> None:
    """Have a chat follow one log at a time: each takes a worker while it lasts."""
    reader = Actor(subject=actor.subject, role=Role.VIEWER, name=actor.name)
    for job in Job.objects.filter(kind=KIND, session_id=session_id, state__in=set(Job.State) - ENDS):
        cancel_job(job.key, actor=reader, origin=origin)


def run(ctx: JobContext) -> Any:
    """Show it, and again while it is followed."""
    given = ctx.params
    project = get_project(given["project"])
    check_role(project, actor=_reader(ctx.job), session_id=ctx.job.session_id, role=VIEWER)
    environment, logs = _find(project, given["environment"])
    if given["whole"]:
        _show(ctx.job, environment, [], file=_save(ctx, environment, logs))
        return {}
    until = ctx.state.get("until") or time.time() + FOLLOW_SECONDS
    ctx.save(until=until)
    shown: list[str] | None = None
    while True:
        lines = last_lines(read_logs(environment, logs, check=ctx.check), given["lines"])
        left = until - time.time() if given["follow"] and ctx.job.session_id is not None else 0.0
        if lines != shown or left <= 0:
            _show(ctx.job, environment, lines, following=left > 0)
            shown = lines
        if left <= 0:
            return {}
        ctx.wait(min(EVERY_SECONDS, left))


def tell_end(job: Job) -> None:
    """Have the card say that it is not followed any more, or why there is nothing. In the transaction that ends it."""
    card = Card.objects.filter(key=f"logs:{job.key}").first()
    if job.session_id is None:
        return
    told = dict(card.data) if card is not None else _head(job)
    told |= {"following": False, "error": job.error}
    put_card(f"logs:{job.key}", session_id=job.session_id, kind="logs", data=told)


def _reader(job: Job) -> Actor:
    """Return who reads: looking needs no operator."""
    actor = asker_of(job)
    return Actor(subject=actor.subject, role=Role.VIEWER, name=actor.name)


def _find(project: Project, name: str) -> tuple[Environment, Logs | None]:
    """Return the environment of this name, the only one when none is named, and where its lines are."""
    manifest = read_manifest(project)
    if not name and len(manifest.environments) == 1:
        name = next(iter(manifest.environments))
    spec = gates.find_spec(project, name)
    environment = keep_environments(project, manifest)[name]
    by_host = spec.logs is not None and spec.logs.argv[:1] and spec.logs.argv[0] in environment.host
    return environment, _approved(environment) if spec.approval and by_host else spec.logs


def _approved(environment: Environment) -> Logs | None:
    """Return where the lines are by what is live: with that, what runs on the host was approved; on the branch not."""
    live = live_in(environment)
    if live is None:
        raise BadInput(f"There is no log of {environment.name} yet.")
    spec = read_manifest(environment.project, live.commit).environments.get(environment.name)
    return spec.logs if spec is not None else None


def _head(job: Job) -> dict[str, Any]:
    return {
        "job": job.key, "key": job.params["project"], "project": "", "environment": job.params["environment"],
        "text": "", "following": False, "file": "", "error": "",
    }  # fmt: skip


def _show(job: Job, environment: Environment, lines: list[str], *, following: bool = False, file: str = "") -> None:
    if job.session_id is None:
        return
    told = _head(job) | {
        "project": environment.project.name,
        "environment": environment.name,
        "text": "\n".join(lines)[-SHOWN_CHARS:],
        "following": following,
        "file": file,
    }
    with transaction.atomic():
        put_card(f"logs:{job.key}", session_id=job.session_id, kind="logs", data=told)


def clean_logs() -> int:
    """Remove whole logs that were sent so long ago; return how many."""
    return remove_old((settings.MEDIA_ROOT / FOLDER).glob("*.log"), days=KEPT_DAYS)


def _save(ctx: JobContext, environment: Environment, logs: Logs | None) -> str:
    """Write the whole log, or the end of a very long one, where files for chats lie; return its path there."""
    folder = settings.MEDIA_ROOT / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = read_logs(environment, logs, most=WHOLE_BYTES, check=ctx.check)
    path = folder / f"{ctx.key}.log"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return str(path.relative_to(settings.CLAW_HOME))


LOG_FOLLOW = JobKind(
    name=KIND,
    run=run,
    description="Shows the log of a project's environment in a chat, and follows it for a while.",
    seconds=FOLLOW_SECONDS + 120,
    repeatable=True,
    role=Role.VIEWER,
    params=Params,
    ended=tell_end,
)
