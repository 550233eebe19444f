"""Alert rules name metrics that exist, each is shown to fire when it should, and Prometheus takes them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.docker.metric_names import unknown_in
from tests.programs import ROOT, need_program

FOLDER = ROOT / "docker" / "prometheus"
RULES = FOLDER / "rules" / "clawsite.yml"
TESTS = FOLDER / "tests" / "clawsite.yml"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    return [rule for group in read(RULES)["groups"] for rule in group["rules"]]


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [need_program("promtool"), *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_name_metrics_that_exist() -> None:
    assert unknown_in([rule["expr"] for rule in rules()]) == []


def test_a_name_that_does_not_exist_is_seen() -> None:
    assert unknown_in(["sum(rate(claw_turns_total[5m])) > claw_gone"]) == ["claw_gone"]


def test_each_alert_says_what_to_do_and_has_a_test() -> None:
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert [rule["alert"] for rule in rules()] == [test["name"] for test in read(TESTS)["tests"]]


def test_each_test_shows_silence_before_and_an_alert_after() -> None:
    for test in read(TESTS)["tests"]:
        quiet, fires = test["promql_expr_test"]
        assert f'"{test["name"]}"' in quiet["expr"] == fires["expr"]
        assert (quiet["exp_samples"], len(fires["exp_samples"])) == ([], 1)


def test_the_bots_are_missed_after_a_minute() -> None:
    assert [rule["for"] for rule in rules() if rule["alert"] == "BotDown"] == ["1m"]


def test_prometheus_takes_the_rules_and_they_fire() -> None:
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", str(TESTS))
    promtool("check", "config", "--syntax-only", "prometheus.yml")
