"""Files that wait to be put into a project: offered, placed, and committed as an operation.

Invariant: a file reaches the branch as one commit or not at all. It is written in the tree of its job, and what is in
the way is looked for in the branch, so a job that died in the middle may simply begin again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import PurePosixPath

from django.utils import timezone

from clawsite.core.errors import BadInput, NotFound
from guardrails.paths import safe_name
from guardrails.types import Actor
from runbooks.models import Job, Project, Upload
from runbooks.workspaces import git
from runbooks.workspaces.archives import unpack
from runbooks.workspaces.files import check_path, write_file
from runbooks.workspaces.guarded import check_guarded
from runbooks.workspaces.landing import land, recover
from runbooks.workspaces.secrets import check_upload

EXPIRES_HOURS = 24
MOST_BYTES = 20 * 1024**2
FOLDER = "uploads"
KIND = "file_put"


def get_uploads(batch: int, session_id: int) -> list[Upload]:
    """Return the files that were sent together to this chat; NotFound when there are none that still wait."""
    since = timezone.now() - timedelta(hours=EXPIRES_HOURS)
    rows = Upload.objects.select_related("project").filter(session_id=session_id, created_at__gte=since)
    found = list(rows.filter(batch=batch)) or list(rows.filter(pk=batch))
    if not found:
        raise NotFound("These files do not wait any more. Send them again.")
    return found


def place(upload: Upload, where: str) -> str:
    """Return the path of a file in the project: `where` is a folder (ending in /, or "") or the whole path."""
    name = safe_name(upload.name)
    return check_path(f"{where}{name}" if not where or where.endswith("/") else where)


def check_size(size: int, limit: int) -> None:
    """Raise BadInput for a file that is too large to come in, as far as is known before it is fetched."""
    if size > limit:
        raise BadInput(f"The file is larger than {limit // 1024**2} MB.")


def store(upload: Upload, data: bytes, *, path: str, overwrite: bool, job: Job, actor: Actor) -> str | None:
    """Commit a file to the project's branch; return the commit, None when the same is there already.

    FileExistsError when something else is there and it is not to be replaced; BadInput for what is not taken.
    """
    return commit_files(
        upload.project, [(path, data)], message=f"Add {path}", overwrite=overwrite, job=job, actor=actor
    )


def extract(upload: Upload, data: bytes, *, path: str, overwrite: bool, job: Job, actor: Actor) -> str | None:
    """Commit what an archive holds, in a folder beside it that is named like it."""
    folder = folder_for(path)
    found = [(f"{folder}/{name}", content) for name, content in unpack(data)]
    return commit_files(upload.project, found, message=f"Unpack {path}", overwrite=overwrite, job=job, actor=actor)


def folder_for(path: str) -> str:
    """Return the folder that an archive is unpacked to."""
    stem = PurePosixPath(path).name.split(".")[0]
    return str(PurePosixPath(path).with_name(stem or "archive"))


def commit_files(
    project: Project,
    files: Sequence[tuple[str, bytes]],
    *,
    message: str,
    overwrite: bool,
    job: Job,
    actor: Actor,
) -> str | None:
    """Write files on a branch of the job, bring it into the project's, and record that."""
    for path, data in files:
        if len(data) > MOST_BYTES:
            raise BadInput(f"{path[:100]} is larger than {MOST_BYTES // 1024**2} MB.")
        check_upload(path, data)
    check_guarded(project, [path for path, _ in files], actor=actor, session_id=job.session_id)
    branch = f"jobs/{job.key}"
    done = recover(project, branch, title=message, kind=KIND, summary=message, job=job, actor=actor)
    if done is not None:
        return done.sha
    taken = [path for path, _ in files if not overwrite and _is_there(project, path)]
    if taken:
        raise FileExistsError(taken[0])
    tree = git.add_worktree(project, job.key, branch)
    try:
        for path, data in files:
            write_file(tree, path, data, keep_mode=False)
        git.commit_all(project, tree, message, actor=actor, op=KIND, job=job.key)
        made = land(project, branch, kind=KIND, summary=message, job=job, actor=actor)
    finally:
        git.remove_worktree(project, job.key, branch=branch)
    return made.sha if made is not None else None


def _is_there(project: Project, path: str) -> bool:
    return bool(git.run_git(project, "ls-tree", "-z", "HEAD", "--", path).stdout)


def clean_rows() -> int:
    """Remove the rows of files that nobody can place any more; return how many."""
    return Upload.objects.filter(created_at__lt=timezone.now() - timedelta(days=30)).delete()[0]
