"""What ./run and ./test do before anything else: an environment that holds exactly what the lock names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.scripts.bash import lock_line, make_project, make_wheel, python_with_pip, run_bash, write_program


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


@pytest.fixture
def bare_python(project: Path) -> str:
    """An interpreter as on a fresh Debian: it cannot put pip into an environment."""
    refuse = 'case "$*" in *--without-pip*) ;; "-m venv"*) exit 1 ;; esac'
    return str(write_program(project / "python", f'{refuse}\nexec {python_with_pip()} "$@"'))


def setup(project: Path, python: str, script: str = "setup requirements.txt") -> subprocess.CompletedProcess[str]:
    return run_bash(script, root=project, PYTHON=python, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(project))


def installed_version(project: Path) -> str:
    code = "import tinything; print(tinything.VERSION)"
    python = project / ".venv" / "bin" / "python"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_first_call_installs_without_ensurepip_and_without_uv(project: Path, bare_python: str) -> None:
    done = setup(project, bare_python)

    assert done.returncode == 0, done.stderr
    assert installed_version(project) == "1"
    assert "Going on without uv" in done.stderr


def test_second_call_does_nothing(project: Path, bare_python: str) -> None:
    setup(project, bare_python)
    shutil.rmtree(project / ".cache")

    done = setup(project, "/no/such/python")

    assert (done.returncode, done.stderr) == (0, "")
    assert not (project / ".cache").exists()


def test_changed_lock_is_installed(project: Path, bare_python: str) -> None:
    setup(project, bare_python)
    (project / "requirements.txt").write_text(lock_line(make_wheel(project, version="2")))

    done = setup(project, bare_python)

    assert done.returncode == 0, done.stderr
    assert installed_version(project) == "2"


def test_wrong_hash_is_refused_every_time(project: Path, bare_python: str) -> None:
    wheel = make_wheel(project, version="1")
    (project / "requirements.txt").write_text(lock_line(wheel, digest="f" * 64))

    for _ in range(2):
        done = setup(project, bare_python)
        assert done.returncode == 1
        assert "DO NOT MATCH THE HASHES" in done.stderr
        assert "Could not install requirements.txt" in done.stderr


def test_environment_of_a_vanished_interpreter_is_made_anew(project: Path, bare_python: str) -> None:
    setup(project, bare_python)
    (project / ".venv" / "bin" / "python").unlink()

    done = setup(project, bare_python)

    assert done.returncode == 0, done.stderr
    assert installed_version(project) == "1"


def test_tests_lock_counts_for_the_product_too(project: Path, bare_python: str) -> None:
    (project / "requirements-dev.txt").write_text((project / "requirements.txt").read_text())
    setup(project, bare_python, "setup requirements-dev.txt requirements.txt")

    assert setup(project, "/no/such/python").returncode == 0


def test_old_python_is_named_with_what_to_do(project: Path) -> None:
    old = write_program(project / "old", 'case "$1" in --version) echo Python 3.9.2 ;; *) exit 1 ;; esac')

    done = setup(project, str(old))

    assert done.returncode == 1
    assert "clawsite needs Python 3.11 or later, and" in done.stderr
    assert "is Python 3.9.2" in done.stderr
    assert "PYTHON=/path/to/python3" in done.stderr
    assert not (project / ".venv").exists()


def test_missing_python_is_named(project: Path) -> None:
    done = setup(project, "/no/such/python")

    assert done.returncode == 1
    assert "/no/such/python is not there" in done.stderr


def test_missing_pip_is_named(project: Path) -> None:
    body = f'case "$*" in *--without-pip*) ;; *pip*|"-m venv"*) exit 1 ;; esac\nexec {python_with_pip()} "$@"'
    no_pip = write_program(project / "python", body)

    done = setup(project, str(no_pip))

    assert done.returncode == 1
    assert "pip is missing" in done.stderr
    assert "apt-get install python3-pip" in done.stderr


def test_settings_of_the_calling_shell_do_not_reach_the_product(project: Path) -> None:
    script = 'echo "${PYTHONDONTWRITEBYTECODE-unset} ${PYTHONPATH-unset}"'
    done = run_bash(script, root=project, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH="/elsewhere")

    assert done.stdout == "unset unset\n"
