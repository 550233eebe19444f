""".ci/audit fails when a package was not checked, whatever pip-audit thinks of that; and the workflow calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.programs import ROOT

LOCK = "django==5.2.19 \\\n    --hash=sha256:00\npyyaml==6.0.3 ; python_version > '3' \\\n    --hash=sha256:11\n"
SOUND = [{"name": "Django", "version": "5.2.19", "vulns": []}, {"name": "PyYAML", "version": "6.0.3", "vulns": []}]
SKIPPED = {"name": "PyYAML", "skip_reason": "Dependency not found on PyPI"}
WEAK = {"name": "PyYAML", "version": "6.0.3", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["6.0.4"]}]}


def audit(tmp_path: Path, report: str) -> tuple[int, str]:
    (tmp_path / "lock.txt").write_text(LOCK)
    (tmp_path / "report.json").write_text(report)
    command = [sys.executable, str(ROOT / ".ci/audit"), f"{tmp_path}/lock.txt", "--report", f"{tmp_path}/report.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def test_a_sound_report_of_every_package_passes(tmp_path: Path) -> None:
    code, said = audit(tmp_path, json.dumps({"dependencies": SOUND}))

    assert code == 0
    assert "Every package of" in said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([SOUND[0], SKIPPED], "pyyaml 6.0.3 was not checked: Dependency not found"),
        (SOUND[:1], "pyyaml 6.0.3 was not checked: it is not in the report"),
        ([SOUND[0], SOUND[1] | {"version": "6.0.2"}], "pyyaml 6.0.3 was not checked"),
        ([SOUND[0], WEAK], "pyyaml 6.0.3 has PYSEC-2026-1, which is mended in 6.0.4."),
    ],
)
def test_what_was_not_checked_or_is_weak_fails(tmp_path: Path, found: object, said: str) -> None:
    code, text = audit(tmp_path, json.dumps({"dependencies": found}))

    assert code == 1
    assert said in text


@pytest.mark.parametrize("report", ["", "{}", "[]", '{"dependencies": [1]}'])
def test_no_report_is_no_good_news(tmp_path: Path, report: str) -> None:
    assert audit(tmp_path, report) == (1, "pip-audit gave no report, so nothing was checked.\n")


def test_the_workflow_runs_what_exists_with_no_more_rights_than_it_needs() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = " ".join(step.get("run", "") for step in steps)

    assert workflow["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    for script in (".ci/run", ".ci/audit", "./test --containers"):
        assert script in commands
        assert (ROOT / script.split()[0]).exists()
    assert all("@v" in step["uses"] for step in steps if "uses" in step)
