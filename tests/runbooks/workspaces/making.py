"""Projects for tests: rows and a repository with a first commit, without a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guardrails.types import Actor
from runbooks.models import Project
from runbooks.workspaces import git
from runbooks.workspaces.roots import tree_of
from tests.runbooks.people import BOB


def row(name: str = "shop", *, owner: str = "", **values: Any) -> Project:
    """Return a project that has nothing on the disk."""
    made = {"key": f"{name}-{Project.objects.count()}", "type": "python-package", "state": "ready"} | values
    return Project.objects.create(name=name, owner=owner or BOB.subject, **made)


def project(name: str = "shop", *, files: dict[str, str] | None = None, **values: Any) -> Project:
    """Return a project with these files in its first commit."""
    made = row(name, **values)
    git.init_repository(made)
    write(tree_of(made), files or {"README.md": "# Shop\n"})
    commit(made, "Begin.")
    return made


def write(tree: Path, files: dict[str, str]) -> None:
    """Write files into a tree."""
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def commit(made: Project, message: str, *, tree: Path | None = None, actor: Actor = BOB, **values: str) -> str:
    """Commit what is in a tree and return the commit."""
    sha = git.commit_all(made, tree or tree_of(made), message, actor=actor, **values)
    assert sha
    return sha
