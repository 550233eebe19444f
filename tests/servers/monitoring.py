"""Real Prometheus and Alertmanager on free ports, with short intervals, watching the example system.

Invariant: as every service here, they write below a temporary directory only and end with the test run.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from string import Template

from tests.servers.services import Service

TEMPLATES = Path(__file__).with_name("guardian")
NOWHERE = "http://127.0.0.1:9/"
QUICK = {"INTERVAL": "250ms", "WAIT": "0s", "WINDOW": "2s", "GROUP_WAIT": "0s", "GROUP_INTERVAL": "1s"}


def write_config(name: str, directory: Path, values: dict[str, str]) -> Path:
    """Fill in one of the templates beside the example system and return where it was written."""
    path = directory / name
    path.write_text(Template((TEMPLATES / name).read_text(encoding="utf-8")).substitute(values), encoding="utf-8")
    return path


def is_ok(url: str) -> bool:
    """Whether an address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2.0) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def alertmanager_command(binary: str, directory: Path, port: int) -> list[str]:
    """How Alertmanager is started alone, on loopback, with what `write_config` wrote."""
    return [
        binary,
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]


def prometheus_command(binary: str, directory: Path, port: int) -> list[str]:
    """How Prometheus is started on loopback, with what `write_config` wrote."""
    return [
        binary,
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=30d",
        "--log.level=warn",
    ]


class Monitor(Service):
    """What both programs have in common."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        return is_ok(f"{self.url}/-/ready")


class AlertmanagerService(Monitor):
    """An Alertmanager that tells `webhook` of what fires, with `token`; or with a configuration of the caller's."""

    name = "alertmanager"

    def __init__(self, binary: str, webhook: str = NOWHERE, token: str = "token", config: str = "") -> None:
        super().__init__()
        self.binary = binary
        if config:
            (self.directory / "alertmanager.yml").write_text(config, encoding="utf-8")
        else:
            write_config("alertmanager.yml", self.directory, QUICK | {"WEBHOOK": webhook, "TOKEN": token})

    def command(self) -> list[str]:
        return alertmanager_command(self.binary, self.directory, self.port)


class PrometheusService(Monitor):
    """A Prometheus that scrapes a guardian (host:port) four times a second and tells an Alertmanager (host:port)."""

    name = "prometheus"

    def __init__(self, binary: str, guardian: str, alertmanager: str) -> None:
        super().__init__()
        self.binary = binary
        values = QUICK | {"GUARDIAN": guardian, "ALERTMANAGER": alertmanager}
        write_config("prometheus.yml", self.directory, values)
        write_config("rules.yml", self.directory, values)

    def command(self) -> list[str]:
        return prometheus_command(self.binary, self.directory, self.port)
