"""The proxy's configuration: nginx takes it, in the container's form and in the host's."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Callable
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest

from tests.docker.reading import DOCKER
from tests.ports import free_port
from tests.programs import need_program
from tests.servers.services import Service, answers

NOBODY = "upstream claw { server 127.0.0.1:1; }\nmap $host $claw_colour { default none; }\n"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A folder like /etc/nginx, with a certificate and what docker/deploy writes."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "certificate.pem"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    (tmp_path / "mime.types").write_text("types { text/html html; }\n")
    claw = tmp_path / "claw"
    claw.mkdir()
    for file in (DOCKER / "nginx").glob("*.conf"):
        (claw / file.name).write_text(file.read_text(encoding="utf-8"))
    (claw / "live").mkdir()
    (claw / "live" / "upstream.conf").write_text(NOBODY)
    return tmp_path


def check(main: Path) -> str:
    nginx = need_program("nginx")
    command = [nginx, "-t", "-q", "-c", str(main), "-e", str(main.parent / "error.log"), "-p", str(main.parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return f"{done.returncode} {done.stderr}".strip()


def moved(text: str, etc: Path) -> str:
    """Return a configuration that finds in `etc` what it looks for elsewhere."""
    for path, name in {
        "/tmp/": "",  # first, because the folder of the test is there
        "/run/secrets/tls_certificate": "certificate.pem",
        "/run/secrets/tls_key": "key.pem",
        "/etc/ssl/clawsite/fullchain.pem": "certificate.pem",
        "/etc/ssl/clawsite/privkey.pem": "key.pem",
        "/opt/clawsite/upstream.conf": "claw/live/upstream.conf",
        "/dev/stderr": "error.log",
        "/dev/stdout": "access.log",
    }.items():
        text = text.replace(path, str(etc / name) + ("/" if path.endswith("/") else ""))
    return text


def of_container(etc: Path) -> str:
    return moved((DOCKER / "nginx" / "nginx.conf").read_text(encoding="utf-8"), etc)


def of_host(etc: Path) -> str:
    """Return a main file as those of distributions are, and the site in it."""
    site = moved((DOCKER / "nginx" / "site.conf").read_text(encoding="utf-8"), etc)
    logs = f"access_log {etc}/access.log;\nerror_log {etc}/error.log;\n"
    places = "".join(f"{name}_temp_path {etc}/{name};\n" for name in ("proxy", "client_body"))
    return f"pid {etc}/host.pid;\nevents {{}}\nhttp {{\n{logs}{places}{site}\n}}\n"


FORMS = pytest.mark.parametrize("form", [of_container, of_host], ids=["container", "host"])


@FORMS
def test_nginx_takes_it(etc: Path, form: Callable[[Path], str]) -> None:
    main = etc / "nginx.conf"
    main.write_text(form(etc))

    assert check(main) == "0"


class Proxy(Service):
    """nginx with a whole configuration, on ports of its own. Nobody is behind it."""

    name = "nginx"

    def __init__(self, text: str, etc: Path) -> None:
        super().__init__(directory=etc)
        ports = re.findall(r"listen (?:127\.0\.0\.1:)?(\d+)", text)
        self.ports = {int(port): free_port() for port in ports}
        self.port = max(self.ports.values())
        for port, own in self.ports.items():
            text = re.sub(rf"listen (?:127\.0\.0\.1:)?{port}\b", f"listen 127.0.0.1:{own}", text)
        (etc / "nginx.conf").write_text(f"daemon off;\n{text}")

    def command(self) -> list[str]:
        return [need_program("nginx"), "-c", f"{self.directory}/nginx.conf", "-e", f"{self.directory}/error.log"]

    def is_ready(self) -> bool:
        return all(answers(port) for port in self.ports.values())

    def ask(self, path: str) -> set[int]:
        """Ask each port for a page, and return what they answered."""
        return {self._ask(port, path) for port in self.ports}

    def _ask(self, port: int, path: str) -> int:
        own = self.ports[port]
        connection = HTTPConnection("127.0.0.1", own, timeout=30)
        if str(port).endswith("443"):
            trusted = ssl.create_default_context(cafile=self.directory / "certificate.pem")
            trusted.check_hostname = False
            connection = HTTPSConnection("127.0.0.1", own, timeout=30, context=trusted)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()


@FORMS
def test_no_log_holds_the_link_of_the_first_admin(etc: Path, form: Callable[[Path], str]) -> None:
    proxy = Proxy(form(etc), etc)
    proxy.start()
    try:
        assert {308, 502} == proxy.ask("/first-login/the-key") == proxy.ask("/another")
    finally:
        proxy.stop()
    logs = {name: (etc / name).read_text(encoding="utf-8") for name in ("access.log", "error.log")}
    assert {name: ("/another" in text, "the-key" in text) for name, text in logs.items()} == {
        "access.log": (True, False),
        "error.log": (True, False),
    }


def test_what_is_for_the_inside_is_not_passed_on() -> None:
    rules = (DOCKER / "nginx" / "proxy.conf").read_text(encoding="utf-8")
    headers = (DOCKER / "nginx" / "headers.conf").read_text(encoding="utf-8")

    assert "location = /metrics {\n    return 404;" in rules
    for name in ("Forwarded", "X-Forwarded-Host", "Daphne-Root-Path"):
        assert f'proxy_set_header {name} "";' in headers
