"""Releases on the disk: environments/<name>/releases/<commit>, and `current`, a link to the one that is there now.

Invariants: a release has its name only when it is whole, by one rename; `current` leads to a whole release or is not
there, by another. What is removed loses its name first. No program of the project may write beside its own release.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

from runbooks.models import Project
from runbooks.workspaces.git import run_git
from runbooks.workspaces.git.trees import remove_files
from runbooks.workspaces.roots import environment_root, make_directory

CURRENT = "current"
MAKING = "making"
KEPT = 5
# The same commit may have come again and again: so many deploys are looked at for those whose releases stay.
LOOKED_AT = KEPT * 4
SECONDS = 300.0


def export_commit(project: Project, commit: str, folder: Path, *, check: Callable[[], None] | None = None) -> Path:
    """Write the files of a commit into a new folder. Links in it become plain files that name where they led."""
    make_directory(folder)
    Path(f"{folder}.index.lock").unlink(missing_ok=True)  # of a process that was killed: nobody else writes there
    index = {"GIT_INDEX_FILE": f"{folder}.index"}
    try:
        run_git(project, "read-tree", commit, env=index, check=check)
        run_git(project, "checkout-index", "-a", f"--prefix={folder}/", env=index, seconds=SECONDS, check=check)
    finally:
        Path(f"{folder}.index").unlink(missing_ok=True)
    return folder


def release_path(project: Project, environment: str, commit: str) -> Path:
    """Return where the release of a commit is, or would be."""
    return environment_root(project, environment) / "releases" / commit


def make_release(
    project: Project,
    environment: str,
    commit: str,
    *,
    build: Callable[[Path], None],
    check: Callable[[], None] | None = None,
) -> Path:
    """Make the release of a commit, unless it is there: its files, then what `build` makes of them, then its name."""
    release = release_path(project, environment, commit)
    if release.is_dir():
        return release
    root = make_directory(environment_root(project, environment) / MAKING)
    for left in root.iterdir():  # of a build that failed, or was killed: one deploy at a time works here
        remove_files(left)
    making = root / commit
    build(export_commit(project, commit, making, check=check))
    make_directory(release.parent)
    os.rename(making, release)
    return release


def switch(project: Project, environment: str, commit: str) -> None:
    """Have `current` lead to the release of a commit; "" takes it away. One step for whoever looks at it."""
    root = make_directory(environment_root(project, environment))
    link, fresh = root / CURRENT, root / f".{CURRENT}"
    if not commit:
        link.unlink(missing_ok=True)
        return
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(Path("releases", commit), target_is_directory=True)
    os.replace(fresh, link)


def current_commit(project: Project, environment: str) -> str:
    """Return which release `current` leads to, "" for none."""
    link = environment_root(project, environment) / CURRENT
    return Path(os.readlink(link)).name if link.is_symlink() else ""


def prune(project: Project, environment: str, *, keep: Collection[str]) -> int:
    """Remove all releases but these and the current one; return how many. Leavings of killed processes go, too."""
    root = environment_root(project, environment)
    gone = make_directory(root / "gone")
    kept = {*keep, current_commit(project, environment)}
    old = [each for each in (root / "releases").glob("*") if each.name not in kept]
    for release in old:
        remove_files(gone / release.name)
        os.rename(release, gone / release.name)
    for left in gone.glob("*"):
        remove_files(left)
    return len(old)
