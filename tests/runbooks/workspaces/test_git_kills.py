"""Whatever is killed in the middle of a change: the repository stays whole, and its files can be brought up to it."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from runbooks.models import Project
from runbooks.workspaces import git
from runbooks.workspaces.roots import tree_of
from tests.runbooks.people import BOB
from tests.runbooks.workspaces.making import commit, project, write

pytestmark = pytest.mark.django_db
LINES = 200


def kill_while(work: Callable[[], object], seconds: float) -> None:
    """Do something over and over in a process of its own, and kill it, with git, after so long."""
    child = os.fork()
    if not child:
        try:
            while True:
                work()
        finally:
            os._exit(1)  # it must not go on as the test
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the work failed before it was killed"


def leave_git_behind(made: Project) -> None:
    """Have a killed process leave something of git's that is not killed with it, and ends when there is a file `go`."""
    started, go, ended = (tree_of(made).parent / name for name in ("started", "go", "ended"))
    child = os.fork()
    if not child:
        try:
            with git.alone(made):
                wait = f"for _ in $(seq 600); do test -e {go} && break; sleep 0.05; done"
                git.run_git(made, "last", config=("-c", f"alias.last=!touch {started}; {wait}; touch {ended}"))
        finally:
            os._exit(1)
    deadline = time.monotonic() + 30
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def page(text: str) -> str:
    """Return a file that is the same on every line, so that half of it would be seen."""
    return f"{text}\n" * LINES


def check_whole(made: Project) -> None:
    """Check that the repository is sound and its files are those of its commit."""
    git.refresh_tree(made)
    git.run_git(made, "fsck", "--no-dangling", "--no-progress")
    for name in ("a.txt", "b.txt"):
        assert len(set((tree_of(made) / name).read_text().splitlines())) == 1, name
        committed = git.run_git(made, "cat-file", "blob", f"HEAD:{name}").stdout
        assert (tree_of(made) / name).read_bytes() == committed, name


@pytest.mark.parametrize("seconds", [0.03, 0.11, 0.19, 0.31])
def test_a_merge_or_revert_that_is_killed_is_whole_or_never_was(seconds: float) -> None:
    made = project(files={"a.txt": page("0"), "b.txt": page("0")})
    numbers = itertools.count(1)

    def work() -> None:
        number = next(numbers)
        key = f"k{os.getpid()}-{number}"
        tree = git.add_worktree(made, key, f"job/{key}")
        write(tree, {"a.txt": page(f"{key}"), "b.txt": page(f"{key}")})
        git.commit_all(made, tree, f"Change {number}.", actor=BOB)
        sha = git.merge_branch(made, f"job/{key}", actor=BOB)
        git.return_to(made, f"{sha}^", actor=BOB)
        git.remove_worktree(made, key, branch=f"job/{key}")

    kill_while(work, seconds)

    check_whole(made)
    work()  # and it goes on from there
    check_whole(made)


def test_a_commit_that_is_killed_is_made_by_who_comes_next() -> None:
    made = project(files={"a.txt": page("0"), "b.txt": page("0")})
    numbers = itertools.count(1)

    def work() -> None:
        write(tree_of(made), {"a.txt": page(str(next(numbers)))})
        git.commit_all(made, tree_of(made), "Change.", actor=BOB)

    kill_while(work, 0.1)

    write(tree_of(made), {"a.txt": page("last"), "b.txt": page("last")})
    commit(made, "The last one.")
    check_whole(made)
    assert git.is_clean(made)


def test_nobody_begins_while_something_of_git_lives_that_a_killed_one_left() -> None:
    made = project()
    leave_git_behind(made)
    later = threading.Timer(0.3, (tree_of(made).parent / "go").touch)
    later.start()
    with git.alone(made):
        assert (tree_of(made).parent / "ended").exists()
    later.join()
