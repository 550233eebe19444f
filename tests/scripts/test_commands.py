"""The two commands as a person calls them: help without any set-up, and wrong words refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.scripts.bash import ROOT


def call(command: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / command), *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.parametrize("command", ["run", "test"])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_shown_from_any_folder(command: str, flag: str, tmp_path: Path) -> None:
    done = call(command, flag, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: ./{command}")


def test_run_refuses_an_option_it_does_not_know(tmp_path: Path) -> None:
    done = call("run", "--no-such-option", cwd=tmp_path)

    assert done.returncode == 2
    assert "unrecognized arguments: --no-such-option" in done.stderr


def test_arguments_of_test_go_to_pytest(tmp_path: Path) -> None:
    done = call("test", "tests/test_house.py", "-q", "-k", "agree_on_the_version", cwd=tmp_path)

    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_exit_code_of_pytest_is_that_of_test(tmp_path: Path) -> None:
    done = call("test", "tests/test_house.py", "-q", "-k", "there_is_no_such_test", cwd=tmp_path)

    assert done.returncode == 5, done.stdout
