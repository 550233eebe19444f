"""Making a repository: only what we write is in it, no hooks, no templates of the machine."""

from __future__ import annotations

from runbooks.models import Project
from runbooks.workspaces.git.calling import GitDirs, dirs_of, run_git
from runbooks.workspaces.roots import make_directory


def init_repository(project: Project) -> GitDirs:
    """Make the empty repository of a project and its tree; one that is there stays as it is."""
    dirs = dirs_of(project)
    make_directory(dirs.git_dir)
    make_directory(dirs.tree)
    if not (dirs.git_dir / "HEAD").exists():
        bare = {"GIT_DIR": str(dirs.git_dir)}
        run_git(dirs, "init", "-q", "--template=", f"--initial-branch={project.branch}", env=bare)
    return dirs
