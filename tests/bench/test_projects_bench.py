"""What projects cost: from /new to the first commit, and a long difference as a file, each against git alone."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from runbooks.charts.files import save_file
from runbooks.models import Project
from runbooks.runner import perform
from runbooks.workspaces import git
from runbooks.workspaces.projects import create_project
from runbooks.workspaces.roots import repository_of, tree_of
from runbooks.workspaces.templates import get_template, write_template
from tests.runbooks.people import BOB
from tests.runbooks.workspaces.making import commit, project, write

pytestmark = [pytest.mark.bench, pytest.mark.django_db(transaction=True)]

TYPE = "django-app"
LINES = 10_000
ROUNDS = 5
# A first commit is a dozen calls of git, each with limits, against three without; a difference is two against one.
NEW_RATIO, DIFF_RATIO = 8.0, 5.0
NEW_SECONDS, DIFF_SECONDS = 1.0, 2.0


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> None:
    """Keep the projects on a disk of their own."""
    settings.CLAW_HOME = tmp_path / "home"
    settings.MEDIA_ROOT = tmp_path / "home" / "media"


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the seconds of the quickest round: what others do on the machine only adds to it."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def plain(folder: Path, *args: str) -> bytes:
    """Call git as anybody would."""
    person = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.invalid"}
    person |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in person.items()}
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_GLOBAL": "/dev/null"} | person
    return subprocess.run(["git", *args], cwd=folder, env=env, check=True, capture_output=True, timeout=60).stdout


def test_from_new_to_the_first_commit(tmp_path: Path) -> None:
    numbers = itertools.count()

    def ours() -> None:
        made, job = create_project(TYPE, f"bench-{next(numbers)}", actor=BOB)
        assert perform(job.pk)
        assert git.head(made)

    def theirs() -> None:
        folder = tmp_path / f"plain-{next(numbers)}"
        folder.mkdir()
        write_template(get_template(TYPE), "bench", folder)
        for args in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Begin"]):
            plain(folder, *args)

    mine, alone_ = best(ours), best(theirs)
    print(f"\n/new: {mine * 1000:.0f} ms, git alone {alone_ * 1000:.0f} ms, ratio {mine / alone_:.1f}")
    assert mine / alone_ < NEW_RATIO
    assert mine < NEW_SECONDS


def changed() -> tuple[Project, str, str]:
    """Return a project with a commit that changes many lines, and both commits."""
    made = project(files={"long.txt": "".join(f"line {number}\n" for number in range(LINES // 2))})
    before = git.head(made)
    write(tree_of(made), {"long.txt": "".join(f"another {number}\n" for number in range(LINES // 2))})
    return made, before, commit(made, "Change all.")


def test_a_long_difference_as_a_file(tmp_path: Path) -> None:
    made, before, after = changed()
    sizes: list[int] = []

    def ours() -> None:
        text = git.diff(made, before, after)
        sizes.append(text.count("\n"))
        save_file("bench.diff", text.encode())

    def theirs() -> None:
        (tmp_path / "plain.diff").write_bytes(plain(repository_of(made), "diff", before, after))

    mine, alone_ = best(ours), best(theirs)
    print(f"\ndiff: {mine * 1000:.0f} ms, git alone {alone_ * 1000:.0f} ms, ratio {mine / alone_:.1f}")
    assert sizes[0] >= LINES
    assert mine / alone_ < DIFF_RATIO
    assert mine < DIFF_SECONDS
