"""The dashboard for Grafana shows metrics that exist, all of them, and its panels have room."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import yaml

from clawsite.core.metrics import names
from tests.docker.metric_names import OURS, unknown_in
from tests.programs import ROOT

FOLDER = ROOT / "docker" / "grafana"
BOARD = FOLDER / "dashboards" / "clawsite.json"


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(BOARD.read_text(encoding="utf-8"))["panels"]
    return found


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel.get("targets", [])]


def test_panels_name_metrics_that_exist() -> None:
    assert unknown_in(expressions()) == []


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {base(name) for text in expressions() for name in OURS.findall(text)}
    assert {base(name) for name in names()} - shown == {"claw_process_uptime_seconds"}


def base(name: str) -> str:
    """Return a metric's name without what a histogram adds to it."""
    for suffix in ("_bucket", "_sum", "_count"):
        name = name.removesuffix(suffix)
    return name


def test_no_panel_covers_another() -> None:
    places = [panel["gridPos"] for panel in panels()]
    for one, two in combinations(places, 2):
        beside = one["x"] + one["w"] <= two["x"] or two["x"] + two["w"] <= one["x"]
        below = one["y"] + one["h"] <= two["y"] or two["y"] + two["h"] <= one["y"]
        assert beside or below
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_panels_ask_the_source_that_is_set_up() -> None:
    sources = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    asked = {target["datasource"]["uid"] for panel in panels() for target in panel.get("targets", [])}
    assert asked == {"prometheus"} <= {source["uid"] for source in sources}
