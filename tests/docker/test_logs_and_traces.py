"""The examples for Loki and Jaeger say what the product does: names of fields, ports, files."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import yaml

from clawsite.core.jsonlogs import make_formatter
from clawsite.core.logs import RedactFilter
from tests.programs import ROOT

ALLOY = (ROOT / "docker/loki/config.alloy").read_text(encoding="utf-8")


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / "docker" / path).read_text(encoding="utf-8"))


def test_what_is_taken_out_of_a_line_is_in_it() -> None:
    record = logging.LogRecord("claw", logging.INFO, __file__, 1, "hello", (), None)
    RedactFilter().filter(record)
    line = json.loads(make_formatter().format(record))
    (fields,) = re.findall(r"expressions = \{(.*)\}", ALLOY)
    assert set(re.findall(r'= "(\w+)"', fields)) <= set(line)


def test_each_stage_leads_to_one_that_is_there() -> None:
    parts = {f"{kind}.{name}" for kind, name in re.findall(r'^([\w.]+) "(\w+)" \{', ALLOY, flags=re.MULTILINE)}
    assert {part.rsplit(".", 1)[0] for part in re.findall(r"= \[?([a-z_.]+)\]?$", ALLOY, flags=re.MULTILINE)} <= parts
    assert ALLOY.count("{") == ALLOY.count("}")


def test_lines_go_where_loki_listens() -> None:
    assert f"http://loki:{read('loki/loki.yml')['server']['http_listen_port']}/loki/api/v1/push" in ALLOY


def test_jaeger_takes_what_the_exporter_sends() -> None:
    service = read("jaeger/compose.yaml")["services"]["jaeger"]
    assert "127.0.0.1:4318:4318" in service["ports"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
