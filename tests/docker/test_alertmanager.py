"""What comes along for Alertmanager: it takes it, and a Watchdog is not taken for a silent one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from runbooks.models import Heartbeat
from tests.programs import ROOT, need_program
from tests.servers.monitoring import TEMPLATES

OURS = ROOT / "docker" / "alertmanager" / "alertmanager.yml"


@pytest.mark.parametrize("path", [OURS, TEMPLATES / "alertmanager.yml"], ids=["docker", "example"])
def test_a_watchdog_comes_more_often_than_its_silence_is_an_alert(path: Path) -> None:
    route = yaml.safe_load(path.read_text(encoding="utf-8"))["route"]
    (dog,) = [each for each in route["routes"] if each["matchers"] == ['alertname="Watchdog"']]
    minutes = int(dog["repeat_interval"].removesuffix("m"))
    assert 2 * minutes * 60 < Heartbeat().every_seconds


def test_alertmanager_takes_it(tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(OURS.read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run(
        [need_program("amtool"), "check-config", str(config)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
