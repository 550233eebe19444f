"""The systemd units: systemd finds no fault in them, they are confined, and the wizard's unit agrees with them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from clawsite.management.onboarding.service import unit
from tests.docker.reading import DOCKER

UNITS = sorted((DOCKER / "systemd").glob("*.service"))
# What systemd-analyze may find exposed, of 10; an ordinary service has 9.6.
MOST_EXPOSED = 4.5


def settings_of(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", text, flags=re.MULTILINE))


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not on this machine. On Debian or Ubuntu: apt-get install systemd")
    return found


def test_systemd_finds_no_fault_in_them(analyze: str, tmp_path: Path) -> None:
    for path in UNITS:
        text = re.sub(r"/opt/clawsite/\S+/python", "/bin/true", path.read_text(encoding="utf-8"))
        (tmp_path / path.name).write_text(text)
    copies = sorted(tmp_path.iterdir())
    done = subprocess.run([analyze, "verify", *copies], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_confined(analyze: str, path: Path) -> None:
    command = [analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_leaves_the_sandbox_of_projects_what_it_needs(path: Path) -> None:
    found = settings_of(path.read_text(encoding="utf-8"))

    assert not found.keys() & {"RestrictNamespaces", "ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc"}


def test_a_role_of_its_own_begins_anew_before_it_is_slowed_down() -> None:
    text = (DOCKER / "systemd" / "clawsite-role@.service").read_text(encoding="utf-8")
    found = re.search(r"^Environment=CLAW_ROLE_MEGABYTES=(\d+)$", text, flags=re.MULTILINE)
    assert found is not None
    assert int(found[1]) < int(settings_of(text)["MemoryHigh"].removesuffix("M"))


def test_the_wizards_unit_is_as_confined_as_ours() -> None:
    ours = settings_of((DOCKER / "systemd" / "clawsite.service").read_text(encoding="utf-8"))
    wizards = settings_of(unit("system"))
    confined = {name: value for name, value in ours.items() if name.startswith(("Protect", "Private", "Restrict"))}
    # Its home may be anywhere, so what it may write is said by name.
    del confined["ProtectHome"]

    assert confined.items() <= wizards.items()
    assert wizards["NoNewPrivileges"] == ours["NoNewPrivileges"]
    assert "ReadWritePaths" in wizards


@pytest.mark.parametrize("colour", ["blue", "green"])
def test_a_colours_settings_say_where_it_runs(colour: str) -> None:
    found = settings_of((DOCKER / "systemd" / f"{colour}.env").read_text(encoding="utf-8"))

    assert found["CLAW_INSTANCE"] == colour
    assert found["CLAW_RUN_DIR"] == f"/run/clawsite-{colour}"
