"""The packs of a repository: one process at a time adds to them, and nothing stays of what was begun.

What is being written there has a name of its own until it is whole. With one writer, all that has such a name was left
by who was killed, or failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _

from runbooks.models import Project
from runbooks.workspaces.git.calling import hold
from runbooks.workspaces.roots import make_directory, project_root, repository_of


@contextmanager
def hold_packs(project: Project, *, seconds: float, check: Callable[[], None] | None = None) -> Iterator[None]:
    """Keep others from adding packs meanwhile; Unavailable when somebody does so for so long.

    `check` raises when it is not to be waited for any longer.
    """
    root = make_directory(project_root(project))
    taken = _("Something else is being fetched into the project. Please try again in a moment.")
    with hold(root / "packs.lock", seconds=seconds, taken=taken, check=check):
        clear_drafts(project)
        yield


def clear_drafts(project: Project) -> int:
    """Remove what was begun to be written, within `hold_packs`; return the bytes of the largest."""
    largest = 0
    packs = repository_of(project) / "objects" / "pack"
    for draft in [*packs.glob("tmp_*"), *packs.glob(".tmp-*")]:
        largest = max(largest, draft.stat().st_size)
        draft.unlink()
    return largest
