"""Making a repository: only what we write is in it, no hooks, no templates of the machine."""

from __future__ import annotations

from pathlib import Path

from runbooks.models import Project
from runbooks.workspaces.git.calling import GitDirs, dirs_of, run_git
from runbooks.workspaces.git.looking import head
from runbooks.workspaces.roots import make_directory, repository_of

# Goes before every .gitattributes: what is text is told by its bytes, so that no file can keep itself out of a
# difference that people look at before they agree.
ATTRIBUTES = "* !diff\n"


def init_repository(project: Project) -> GitDirs:
    """Make the empty repository of a project and its tree; one that is there stays as it is."""
    dirs = dirs_of(project)
    make_directory(dirs.git_dir)
    make_directory(dirs.tree)
    if not (dirs.git_dir / "HEAD").exists():
        bare = {"GIT_DIR": str(dirs.git_dir)}
        _mark(project).write_text(project.key, encoding="ascii")
        make_directory(dirs.git_dir / "info")
        (dirs.git_dir / "info" / "attributes").write_text(ATTRIBUTES, encoding="ascii")
        run_git(dirs, "init", "-q", "--template=", f"--initial-branch={project.branch}", env=bare)
    return dirs


def is_begun(project: Project) -> bool:
    """Tell whether there is a commit that was made for this project, and not for one that had its name before."""
    try:
        mine = _mark(project).read_text(encoding="ascii") == project.key
    except FileNotFoundError:
        return False
    return mine and bool(head(project))


def _mark(project: Project) -> Path:
    """Return the file of a repository that says what it is; git itself does not read it."""
    return repository_of(project) / "description"
