"""How much a person may keep: projects, and of each the bytes and files of a tree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput
from runbooks.models import Project

MEGABYTE = 1024**2
# Deeper than anybody's folders, and far from what programs that walk down by calling themselves can take.
MOST_DEEP = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a tree holds; links and what they lead to do not count."""

    files: int
    bytes: int


def tree_bytes() -> int:
    """Return how many bytes a tree may hold."""
    return int(settings.CLAW_PROJECT_MEGABYTES) * MEGABYTE


def check_room(owner: str) -> None:
    """Raise BadInput when this owner has as many projects as one may have."""
    if Project.objects.filter(owner=owner)[: settings.CLAW_PROJECTS].count() >= settings.CLAW_PROJECTS:
        raise BadInput(_("You have {count} projects already, which is the limit.").format(
            count=settings.CLAW_PROJECTS
        ))  # fmt: skip


def measure(tree: Path) -> Usage:
    """Return what a tree holds."""
    sizes = [size for _, size in _walk(tree)]
    return Usage(files=len(sizes), bytes=sum(sizes))


def check_tree(tree: Path) -> Usage:
    """Return what a tree holds; BadInput when it is too much, or when a repository is hidden in it."""
    files = total = 0
    for name, size in _walk(tree):
        if name.lower() == ".git":
            raise BadInput(_("There is a .git in the project, which git must not find. Remove it first."))
        files, total = files + 1, total + size
        if files > settings.CLAW_PROJECT_FILES:
            raise BadInput(_("A project holds {count} files at most.").format(count=settings.CLAW_PROJECT_FILES))
        if total > tree_bytes():
            raise BadInput(_("A project holds {size} MB at most.").format(size=settings.CLAW_PROJECT_MEGABYTES))
    return Usage(files=files, bytes=total)


def _walk(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the name and size of everything below a folder, following no link; BadInput where it is too deep."""
    waiting = [(str(folder), 0)]
    while waiting:
        path, depth = waiting.pop()
        if depth > MOST_DEEP:
            raise BadInput(_("The folders of a project lie at most {count} deep.").format(count=MOST_DEEP))
        try:
            entries = list(os.scandir(path))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, depth + 1))
                if entry.name.lower() == ".git":
                    yield entry.name, 0
                continue
            with suppress(FileNotFoundError):
                yield entry.name, entry.stat(follow_symlinks=False).st_size
