"""The Dockerfile: a linter's rules, and ours on what the image may do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from clawsite.ops.life import NAME, Life
from tests.programs import ROOT

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
    assert re.search(r"^HEALTHCHECK .*CMD \[", TEXT, flags=re.MULTILINE)


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


def test_the_health_check_says_why_nobody_answers() -> None:
    environment = {"CLAW_PORT": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, ROOT / "docker" / "healthcheck"],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "refused" in done.stdout


def test_the_sign_of_life_is_looked_at_without_asking_anybody(tmp_path: Path) -> None:
    def look() -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-S", ROOT / "docker" / "healthcheck", "--alive"],
            env={"CLAW_RUN_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    assert look() == (1, "nothing shows that it lives: No such file or directory\n")
    Life(tmp_path).show()
    assert look() == (0, "")
    os.utime(tmp_path / NAME, (1, 1))
    assert look()[0] == 1
