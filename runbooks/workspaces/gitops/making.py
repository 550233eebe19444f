"""The job behind a command of a project's own: a branch, the files filled, one commit, and a change request for it.

The document is read again from the branch as it is now. A job that is killed before the row is there begins again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from django.db import transaction

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotFound
from guardrails.types import Actor
from runbooks.books.parameters import read_values
from runbooks.jobs import JobContext, JobKind
from runbooks.models import ChangeRequest, Project
from runbooks.workspaces import files, git
from runbooks.workspaces.access import DEVELOPER, access_project, check_role
from runbooks.workspaces.gitops.asking import ask, policy_of
from runbooks.workspaces.gitops.builtins import is_builtin
from runbooks.workspaces.gitops.documents import check_target
from runbooks.workspaces.gitops.ending import say_error
from runbooks.workspaces.gitops.filling import Written, fill, write_files
from runbooks.workspaces.gitops.finding import find_command, read_words
from runbooks.workspaces.gitops.loading import Named, read_documents
from runbooks.workspaces.gitops.merging import merge_change, result_of
from runbooks.workspaces.gitops.people import actor_of, find_deciders
from runbooks.workspaces.gitops.showing import show_change
from runbooks.workspaces.gitops.starting import KIND, Params
from runbooks.workspaces.guarded import check_guarded
from runbooks.workspaces.pipelines.values import clean
from runbooks.workspaces.turns import take_turn

SECONDS = 600.0
# Modes of git for links, and for repositories within the repository.
_NO_FILES = ("120000", "160000")


def run(ctx: JobContext) -> Any:
    """Make the change request; merge it where nobody has to say anything more."""
    given, actor = msgspec.convert(ctx.params, Params), actor_of(ctx.job)
    project = access_project(given.project, actor=actor, session_id=ctx.job.session_id, role=DEVELOPER)
    pause = take_turn(ctx, project)
    if pause is not None:
        return pause
    change = ChangeRequest.objects.select_related("project").filter(job=ctx.job).first()
    if change is None:
        change = _make(ctx, project, given, actor)
    policy = policy_of(change)
    if not policy.require_approval and (policy.auto_merge or not policy.create_branch):
        return merge_change(ctx, change, actor=actor)
    return result_of(change)


def _make(ctx: JobContext, project: Project, given: Params, actor: Actor) -> ChangeRequest:
    base = git.head(project)
    found = find_command(read_documents(project, base).documents, given.command, given.words)
    if found is None or is_builtin(given.command):
        raise NotFound(f"{project.name} has no command /{given.command}.")
    document = found.document
    check_role(project, actor=actor, session_id=ctx.job.session_id, role=document.spec.role)
    if document.spec.git_ops.require_approval:
        find_deciders(project, document.spec.git_ops, requested_by=actor.subject)
    values = read_values(document.spec.parameters, read_words(document, given.words))
    title = clean(fill(document.spec.title, values) or document.line, 200)
    branch = f"gitops/{document.command}-{ctx.key}"
    line = clean(" ".join([f"/{document.command}", *given.words]), 300)
    git.remove_worktree(project, ctx.key, branch=branch)  # what an earlier run left that was killed
    tree = git.add_worktree(project, ctx.key, branch)
    try:
        written = write_files(document.spec.changes, values, read=partial(_read, tree))
        if not document.spec.git_ops.require_approval:  # otherwise a maintainer agrees to it
            paths = [each.path for each in written]
            check_guarded(project, paths, actor=actor, session_id=ctx.job.session_id)
        _write(project, tree, written)
        text = f"{title}\n\nAsked for by {actor.name or actor.subject}: {line}"
        commit = git.commit_all(project, tree, text, actor=actor, op=line, job=ctx.key)
    finally:
        git.remove_worktree(project, ctx.key)
    if commit is None:
        raise BadInput("Nothing would change: the files say so already.")
    return _open(ctx, project, found, actor, line=line, title=title, branch=branch, base=base, commit=commit)


def _open(
    ctx: JobContext, project: Project, found: Named, actor: Actor, *, line: str, title: str, **commits: str
) -> ChangeRequest:
    """Make the row, ask for what it needs and show it, all or nothing."""
    spec = found.document.spec
    stat = git.diff_stat(project, commits["base"], commits["commit"])
    with transaction.atomic():
        change = ChangeRequest.objects.create(
            project=project,
            job=ctx.job,
            session_id=ctx.job.session_id,
            line=line,
            file=found.file[:300],
            title=title,
            role=spec.role,
            policy=msgspec.to_builtins(spec.git_ops),
            files=[[each.path, each.added or 0, each.removed or 0] for each in stat],
            requested_by=actor.subject,
            requested_name=actor.name[:200],
            **commits,
        )
        audit.record(
            "change.open", actor=actor.subject, subject=change.ref, project=project.ref, job=ctx.key, line=change.line,
            commit=change.commit,
        )  # fmt: skip
        show_change(change, ring="new")
        if spec.git_ops.require_approval:
            ask(change)
    return change


def _read(tree: Path, path: str) -> str | None:
    """Return what a file of the branch holds, None when there is none; BadInput for what is no text."""
    check_target(path)
    try:
        part = files.read_file(tree, path)
    except NotFound:
        return None
    if part.size > len(part.data):
        raise BadInput(f"{path} is too large to be changed by a command.")
    try:
        return part.data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path} is no text.") from None


def _write(project: Project, tree: Path, written: Sequence[Written]) -> None:
    """Write the files; nothing where the branch has a link or a repository, which here look like files."""
    paths = [each.path for each in written]
    listed = git.run_git(project, "ls-files", "-s", "-z", "--", *paths, tree=tree).stdout.decode("utf-8", "replace")
    if any(row.startswith(_NO_FILES) for row in listed.split("\0")):
        raise BadInput("A command changes plain files only.")
    for each in written:
        check_target(each.path)
        if each.text is None:
            files.delete_file(tree, each.path)
        else:
            files.write_file(tree, each.path, each.text.encode("utf-8"))


GITOPS = JobKind(
    name=KIND,
    run=run,
    description="Does what a command of a project's own says: one commit, as a change request.",
    seconds=SECONDS,
    params=Params,
    ended=say_error,
)
