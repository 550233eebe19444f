"""Keeping a repository small: what lies about in many files is packed now and then, and its history has an end.

Git is told never to tidy up by itself, because it would do so in a process that outlives the call.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput, Unavailable
from runbooks.models import Project
from runbooks.workspaces.git.calling import run_git
from runbooks.workspaces.git.packs import hold_packs
from runbooks.workspaces.quotas import measure, tree_bytes
from runbooks.workspaces.roots import repository_of

# As git itself has it: so many single objects, judged by one of the 256 directories.
LOOSE = 6700
SAMPLE = "17"
# And so many packs: whatever is pulled comes as one.
PACKS = 50
SECONDS = 300.0
# How many times what a tree may hold the history may hold.
HISTORY = 2


def check_history(project: Project) -> None:
    """Raise BadInput when the history has become too large to be added to."""
    if measure(repository_of(project) / "objects").bytes > HISTORY * tree_bytes():
        size = HISTORY * settings.CLAW_PROJECT_MEGABYTES
        raise BadInput(_("The history of {project} is larger than {size} MB.").format(project=project.name, size=size))


def check_commit(project: Project, commit: str) -> None:
    """Raise BadInput when the files of a commit from elsewhere would be more than a project may hold."""
    listed = run_git(project, "ls-tree", "-r", "-l", "-z", commit).stdout
    sizes = [row.partition(b"\t")[0].split()[-1] for row in listed.split(b"\0") if row]
    if len(sizes) > settings.CLAW_PROJECT_FILES:
        raise BadInput(_("A project holds {count} files at most.").format(count=settings.CLAW_PROJECT_FILES))
    if sum(int(size) for size in sizes if size.isdigit()) > tree_bytes():
        raise BadInput(_("A project holds {size} MB at most.").format(size=settings.CLAW_PROJECT_MEGABYTES))


def tidy(project: Project, *, loose: int = LOOSE, packs: int = PACKS) -> bool:
    """Pack the repository if there are many single objects or packs in it; True if so. Only within `alone`.

    While something is being fetched it is left for the next time.
    """
    if not is_untidy(repository_of(project) / "objects", loose=loose, packs=packs):
        return False
    try:
        with hold_packs(project, seconds=0):
            run_git(project, "gc", "-q", seconds=SECONDS, may_fail=True)
    except Unavailable:
        return False
    return True


def is_untidy(objects: Path, *, loose: int = LOOSE, packs: int = PACKS) -> bool:
    """Tell whether there are many single objects or packs in a repository's folder of objects."""
    return len(list((objects / SAMPLE).glob("*"))) * 256 >= loose or len(list(objects.glob("pack/*.pack"))) > packs
