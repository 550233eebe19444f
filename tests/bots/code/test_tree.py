"""The tree of a /code: whatever a program leaves in it, it comes back to its last commit, and only alone."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from django.db import connections

from bots.code import tree
from clawsite.core.errors import BadInput
from runbooks.models import Project
from runbooks.workspaces import git
from tests.runbooks.people import BOB
from tests.runbooks.workspaces.making import project

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made(settings: object, tmp_path: Path) -> Project:
    """A project with a file and a folder."""
    settings.CLAW_HOME = tmp_path  # type: ignore[attr-defined]
    return project(files={"app.py": "x = 1\n", "docs/a.md": "a\n"})


def test_a_repository_within_the_tree_goes(made: Project) -> None:
    path = git.add_worktree(made, "j1", "code/1")
    inner = path / "lib" / ".git"
    (inner / "objects").mkdir(parents=True)
    (inner / "refs").mkdir()
    (inner / "HEAD").write_text("ref: refs/heads/main\n")
    (path / "lib" / "x.py").write_text("x = 1\n")
    with pytest.raises(BadInput, match=r"\.git"):
        git.commit_all(made, path, "Add lib.", actor=BOB)

    tree.reset(made, path)

    assert sorted(each.name for each in path.iterdir()) == ["app.py", "docs"]


def test_a_pipe_in_the_place_of_a_file_is_refused_and_goes(made: Project) -> None:
    path = git.add_worktree(made, "j1", "code/1")
    (path / "app.py").unlink()
    os.mkfifo(path / "app.py")
    with pytest.raises((BadInput, git.GitFailed)):
        git.commit_all(made, path, "Break app.", actor=BOB)

    tree.reset(made, path)

    assert (path / "app.py").read_text() == "x = 1\n"
    assert git.is_clean(made, path)


def test_others_who_change_the_repository_are_waited_for(made: Project) -> None:
    """Whoever has it alone clears the locks of git away: a git that runs meanwhile would lose its own."""
    path = git.add_worktree(made, "j1", "code/1")

    def reset() -> None:
        try:
            tree.reset(made, path)
        finally:
            connections.close_all()

    thread = threading.Thread(target=reset)
    with git.alone(made):
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(60)
    assert not thread.is_alive()
