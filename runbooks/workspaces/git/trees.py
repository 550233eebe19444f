"""The files of a branch: those of the project's own, and for each job a tree and a branch of its own.

A job's tree is a worktree of git without the `.git` file that would lead to the repository.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from guardrails import processes
from runbooks.models import Project
from runbooks.workspaces.git.calling import GitDirs, alone, dirs_of, run_git
from runbooks.workspaces.git.looking import check_revision
from runbooks.workspaces.roots import job_tree, make_directory, tree_of

# Which commit the files of the project's branch were last brought to.
SHOWN = "refs/clawsite/tree"


def add_worktree(project: Project, job_key: str, branch: str) -> Path:
    """Make the tree of a job on a branch, which begins at the project's; what is there already stays as it is."""
    tree = job_tree(project, job_key)
    dirs = dirs_of(project, tree)
    with alone(project):
        if (dirs.git_dir / "HEAD").exists():
            make_directory(tree)
            return tree
        name = f"refs/heads/{check_revision(branch)}"
        if not run_git(project, "rev-parse", "-q", "--verify", name, may_fail=True).ok:
            run_git(project, "update-ref", name, "HEAD", "")
        _write_worktree(dirs, name)
        run_git(dirs, "read-tree", "--reset", "-u", "HEAD")
    return tree


def _write_worktree(dirs: GitDirs, ref: str) -> None:
    """Write what git keeps of a worktree; HEAD last, because that is what tells that it is whole."""
    make_directory(dirs.git_dir)
    make_directory(dirs.tree)
    (dirs.git_dir / "commondir").write_text("../..\n", encoding="ascii")
    (dirs.git_dir / "gitdir").write_text(f"{dirs.tree}/.git\n", encoding="utf-8")
    (dirs.git_dir / "locked").write_text("in use by a job\n", encoding="ascii")
    (dirs.git_dir / "HEAD").write_text(f"ref: {ref}\n", encoding="ascii")


def remove_worktree(project: Project, job_key: str, *, branch: str = "") -> None:
    """Remove the tree of a job, and its branch if named. What is gone already is no error."""
    tree = job_tree(project, job_key)
    with alone(project):
        remove_files(tree)
        shutil.rmtree(dirs_of(project, tree).git_dir, ignore_errors=True)
        if branch:
            run_git(project, "update-ref", "-d", f"refs/heads/{check_revision(branch)}", may_fail=True)


def refresh_tree(project: Project) -> bool:
    """Bring the files of the project's branch up to its commit, if a process died before it could; True if so."""
    with alone(project):
        return _refresh(project)


def _refresh(project: Project) -> bool:
    want = run_git(project, "rev-parse", "-q", "--verify", "HEAD", may_fail=True).stdout
    have = run_git(project, "rev-parse", "-q", "--verify", SHOWN, may_fail=True).stdout
    if not want or want == have:
        return False
    show_head(project)
    return True


def show_head(project: Project) -> None:
    """Make the files those of the branch's commit; only within `alone`."""
    make_directory(tree_of(project))
    run_git(project, "reset", "--hard", "-q", "HEAD")
    mark_tree(project, "HEAD")


def clean_tree(project: Project, tree: Path) -> None:
    """Throw away what is not committed, repositories too; ignored files, such as caches, stay if that is possible."""
    with alone(project):
        run_git(project, "reset", "--hard", "-q", tree=tree)
        if run_git(project, "clean", "-ffdq", tree=tree, may_fail=True).ok:
            return
        for each in tree.iterdir():  # what git cannot remove: too deep, or without rights
            remove_files(each)
        run_git(project, "reset", "--hard", "-q", tree=tree)


def mark_tree(project: Project, sha: str) -> None:
    """Note which commit the files of the branch are those of."""
    run_git(project, "update-ref", SHOWN, sha)


def remove_files(folder: Path) -> None:
    """Remove a folder with all in it, also what a program took its own rights from; links are not followed."""
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(folder, onerror=_open_and_retry)
    except RecursionError:  # folders within folders, deeper than Python goes down
        processes.run(["chmod", "-R", "u+rwX", "--", str(folder)], cwd=folder.parent)
        processes.run(["rm", "-rf", "--one-file-system", "--", str(folder)], cwd=folder.parent)


def _open_and_retry(function: Callable[[str], object], path: str, _: object) -> None:
    """Give ourselves the rights that are missing, and remove what could not be removed."""
    with suppress(OSError):
        os.chmod(os.path.dirname(path), stat.S_IRWXU)
        if os.path.isdir(path) and not os.path.islink(path):
            os.chmod(path, stat.S_IRWXU)
            shutil.rmtree(path, ignore_errors=True)
        elif function in {os.unlink, os.rmdir}:
            function(path)
