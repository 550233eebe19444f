"""A program that tests need and that is missing: said aloud on a laptop, a failure in CI."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.programs import ROOT, find_program, need_program, read_programs
from tests.scripts.bash import make_project, run_bash, write_program

LINE = "no-such-program   no-such-package   tests of nothing are skipped\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose tests need a program that no machine has, used by somebody who is not root."""
    project = make_project(tmp_path)
    (project / ".ci" / "programs").write_text(f"# a comment\n\nsh dash its tests are skipped\n{LINE}")
    write_program(project / "bin" / "id", "echo 1000")
    return project


def test_missing_program_is_said_with_its_package(project: Path) -> None:
    done = run_bash("prepare_programs", root=project, PATH=f"{project}/bin:{os.environ['PATH']}")

    assert done.returncode == 0
    assert "no-such-program: tests of nothing are skipped" in done.stderr
    assert "apt-get install no-such-package" in done.stderr
    assert "dash" not in done.stderr


def test_missing_program_fails_in_ci(project: Path) -> None:
    done = run_bash("prepare_programs", root=project, PATH=f"{project}/bin:{os.environ['PATH']}", CI="true")

    assert done.returncode == 1
    assert "nothing may be missing" in done.stderr


def test_root_installs_only_what_is_missing(project: Path) -> None:
    write_program(project / "bin" / "id", "echo 0")
    log = project / "asked"
    made = f"printf '#!/bin/sh\\n' > {project}/bin/no-such-program; chmod 755 {project}/bin/no-such-program"
    write_program(project / "bin" / "apt-get", f'echo "$@" >> {log}; {made}')
    script = 'apt_install() { apt_get install "$@"; }; prepare_programs'

    done = run_bash(script, root=project, PATH=f"{project}/bin:{os.environ['PATH']}", CI="true")

    assert done.returncode == 0, done.stderr
    assert log.read_text().split()[-2:] == ["install", "no-such-package"]


@pytest.fixture
def without_openclaw(project: Path) -> Path:
    """A project whose installer of OpenClaw notes that it was called, and fails."""
    install = f'case "${{1:-}}" in --check) exit 1 ;; esac; touch {project}/called; exit 1'
    write_program(project / ".ci" / "openclaw" / "install", install)
    return project


def test_openclaw_is_not_put_in_unasked(without_openclaw: Path) -> None:
    path = f"{without_openclaw}/bin:{os.environ['PATH']}"

    done = run_bash("prepare_openclaw", root=without_openclaw, PATH=path)

    assert done.returncode == 0
    assert ".ci/openclaw/install" in done.stderr
    assert not (without_openclaw / "called").exists()


def test_openclaw_is_put_in_by_ci_which_fails_without_it(without_openclaw: Path) -> None:
    path = f"{without_openclaw}/bin:{os.environ['PATH']}"

    done = run_bash("prepare_openclaw", root=without_openclaw, PATH=path, CI="true")

    assert done.returncode == 1
    assert "nothing may be missing" in done.stderr
    assert (without_openclaw / "called").exists()


def test_locks_of_openclaw_agree() -> None:
    folder = ROOT / ".ci" / "openclaw"
    wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
    packages = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]

    assert packages[""]["dependencies"] == wanted
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [name for name, of in packages.items() if name and not of.keys() & {"integrity", "inBundle"}] == []


def test_list_names_every_program_that_tests_ask_for() -> None:
    asked = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r'need_program\("([a-z-]+)"\)', path.read_text(encoding="utf-8"))
    }
    assert asked - {"no-such-program"} <= set(read_programs())


def test_need_program_returns_a_path() -> None:
    path = find_program("postgres")
    assert path is None or need_program("postgres") == path


def test_need_program_skips_on_a_laptop_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.programs.LIST", tmp_path / "programs")
    (tmp_path / "programs").write_text(LINE)

    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install no-such-package"):
        need_program("no-such-program")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="tests of nothing are skipped"):
        need_program("no-such-program")
