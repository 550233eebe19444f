"""The Dockerfile: a linter's rules, and ours on what the image may do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from clawsite.ops.life import NAME, Life
from tests.programs import ROOT
from tests.runbooks.workspaces.deploying import served

DOCKERFILE = ROOT / "docker" / "Dockerfile"
TEXT = DOCKERFILE.read_text(encoding="utf-8")


def test_the_linter_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_it_runs_as_a_user_without_rights_by_an_exec_form_that_buries_orphans() -> None:
    user = re.findall(r"^USER (.*)$", TEXT, flags=re.MULTILINE)

    assert user == ["10001:10001"]
    assert 'ENTRYPOINT ["/usr/bin/tini", "--", "python", "manage.py"]' in TEXT


def test_packages_come_by_their_hashes_and_the_base_is_an_argument() -> None:
    assert "--require-hashes" in TEXT
    assert "--only-binary :all:" in TEXT
    assert set(re.findall(r"^FROM (\S+)", TEXT, flags=re.MULTILINE)) == {"${BASE}"}


def test_whatever_is_copied_exists_and_is_not_kept_from_the_engine() -> None:
    ignore = (ROOT / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    lines = re.findall(r"^COPY (?!--from)(?:--chmod=\S+ )?(.*)$", TEXT, flags=re.MULTILINE)
    copied = {source for line in lines for source in line.split()[:-1]}

    assert {name for name in copied if not (ROOT / name).exists()} == set()
    assert {name for name in copied if f"!{name}" not in ignore.splitlines()} == set()


def test_its_health_is_that_of_all_roles_which_its_command_runs() -> None:
    assert re.findall(r"^HEALTHCHECK .*CMD (.*)$", TEXT, flags=re.MULTILINE) == [
        '["healthcheck", "--ready", "--alive"]'
    ]
    assert TEXT.rstrip().endswith('CMD ["up"]')


def check(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run the health check as an engine does; return its exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, "-S", ROOT / "docker" / "healthcheck", *arguments],
        env={"CLAW_PORT": "1", **environment}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_the_health_check_says_why_nobody_answers() -> None:
    code, said = check()

    assert code == 1
    assert "refused" in said


def test_pages_alone_are_no_health_and_neither_are_roles_without_pages(tmp_path: Path) -> None:
    both = ("--ready", "--alive")
    (tmp_path / "readyz").touch()
    with served(tmp_path) as url:
        port = url.rpartition(":")[2]
        assert check(CLAW_PORT=port) == (0, "")
        code, said = check(*both, CLAW_PORT=port, CLAW_RUN_DIR=str(tmp_path))
        assert (code, said) == (1, "nothing shows that it lives: No such file or directory\n")
        Life(tmp_path).show()
        assert check(*both, CLAW_PORT=port, CLAW_RUN_DIR=str(tmp_path)) == (0, "")
    code, said = check(*both, CLAW_RUN_DIR=str(tmp_path))
    assert (code, "refused" in said) == (1, True)


def test_the_sign_of_life_is_looked_at_without_asking_anybody(tmp_path: Path) -> None:
    def look() -> tuple[int, str]:
        return check("--alive", CLAW_RUN_DIR=str(tmp_path))

    assert look() == (1, "nothing shows that it lives: No such file or directory\n")
    Life(tmp_path).show()
    assert look() == (0, "")
    os.utime(tmp_path / NAME, (1, 1))
    assert look()[0] == 1
