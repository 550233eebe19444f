"""Committing what a tree holds: by the person who asked, with what it was for, and without anybody's secrets."""

from __future__ import annotations

import re
from pathlib import Path

from clawsite.core.errors import BadInput
from clawsite.core.redaction import find_secrets
from guardrails.types import Actor
from runbooks.models import Project
from runbooks.workspaces.git.calling import OUTPUT_BYTES, GitDirs, GitFailed, alone, dirs_of, run_git
from runbooks.workspaces.git.looking import head
from runbooks.workspaces.git.tidying import check_history, tidy
from runbooks.workspaces.git.trees import mark_tree
from runbooks.workspaces.quotas import check_tree, tree_bytes

MESSAGE_CHARS = 4000
_SECRET_NAMES = re.compile(
    r"(^|/)(\.env(\.(?!example$|sample$|template$)[^/]*)?|id_(rsa|dsa|ecdsa|ed25519)|[^/]+\.(pem|p12|pfx))$"
)
_GITLINK = re.compile(rb"(?:^|\x00):\d{6} 160000 ")


def commit_all(project: Project, tree: Path, message: str, *, actor: Actor, op: str = "", job: str = "") -> str | None:
    """Commit everything in a tree that is not ignored; return the commit, or None when nothing has changed.

    BadInput, and nothing committed, for a message or added lines that hold a secret, a repository within the tree, or
    more than the project may hold.
    """
    text = make_message(message, actor=actor, op=op, job=job)
    dirs = dirs_of(project, tree)
    with alone(project):
        check_tree(tree)
        check_history(project)
        run_git(dirs, "add", "-A", "--", ".", config=_single_objects())
        try:
            if not run_git(dirs, "diff", "--cached", "--quiet", may_fail=True).code:
                return None
            _check_index(dirs)
        except (BadInput, GitFailed):
            _unstage(project, dirs)
            raise
        run_git(dirs, "commit", "-q", "--cleanup=whitespace", "-F", "-", stdin=text.encode(), env=author_of(actor))
        sha = head(project, tree)
        if dirs == dirs_of(project):
            mark_tree(project, sha)
        tidy(project)
        return sha


def _single_objects() -> tuple[str, str]:
    """Return how git is told to add large files as it adds others, and not as packs: those are for `hold_packs`."""
    return "-c", f"core.bigFileThreshold={tree_bytes() + 1}"


def make_message(message: str, *, actor: Actor, op: str = "", job: str = "") -> str:
    """Return a commit's message with its trailers; BadInput for one that says nothing or too much."""
    text = "\n".join(line.rstrip() for line in message.replace("\x00", "").strip().splitlines())
    if not text:
        raise BadInput("A commit needs a message.")
    if find_secrets(text):
        raise BadInput("The message of the commit holds a secret.")
    name, _ = person(actor)
    trailers = [f"Requested-by: {name} ({actor.subject})"]
    trailers += [f"Chat-Op: {_one_line(op)}"] if op else []
    trailers += [f"Job: {_one_line(job)}"] if job else []
    return "\n".join([text[:MESSAGE_CHARS], "", *trailers, ""])


def author_of(actor: Actor) -> dict[str, str]:
    """Return the variables that make a person a commit's author."""
    name, address = person(actor)
    return {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": address}


def person(actor: Actor) -> tuple[str, str]:
    """Return who did it, as git writes people down."""
    name = re.sub(r"[<>\r\n\x00]", "", actor.name or actor.subject).strip()[:100] or "unknown"
    local = re.sub(r"[^A-Za-z0-9.-]", "-", actor.subject)[:64] or "unknown"
    return name, f"{local}@clawsite.invalid"


def _check_index(dirs: GitDirs) -> None:
    """Raise BadInput for what must not become part of the history."""
    changed = run_git(dirs, "diff", "--cached", "--raw", "--no-renames", "--diff-filter=AMT", "-z").stdout
    if _GITLINK.search(changed):
        raise BadInput("A repository within the project cannot be committed.")
    names = changed.decode("utf-8", "replace").split("\0")[1::2]
    for name in names:
        if _SECRET_NAMES.search(name):
            raise BadInput(f"{name[:100]} is a file that holds secrets, and is not committed.")
    _check_lines(dirs)


def _check_lines(dirs: GitDirs) -> None:
    """Look at every added line, of what git or .gitattributes take for no text as well, and at the names.

    What was renamed counts as added: to git it would be neither that nor changed, whatever was written into it.
    """
    options = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--text", "-U0", "--diff-filter=AMT")
    done = run_git(dirs, "diff", "--cached", *options, may_cut=True)
    if done.truncated:
        most = OUTPUT_BYTES // 1024**2
        raise BadInput(f"More than {most} MB are new at once, which is too much to be looked through for secrets.")
    path, added = "", []
    for line in done.stdout.decode("utf-8", "replace").split("\n"):
        if line.startswith("+++ b/"):  # which may be a line of a file, too
            path = line[6:]
        if line.startswith("+"):
            added.append((path, line[1:]))
    text = "\n".join(line for _, line in added)
    if find_secrets(text):
        where = next((name for name, line in added if find_secrets(line)), path)
        raise BadInput(f"{where[:100]} holds a secret, and is not committed.")


def _unstage(project: Project, dirs: GitDirs) -> None:
    """Have the next commit hold what the last one did."""
    if head(project, dirs.tree):
        run_git(dirs, "read-tree", "HEAD")
    else:
        run_git(dirs, "read-tree", "--empty")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
