"""The proxy's configuration: nginx takes it, in the container's form and in the host's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.docker.reading import DOCKER
from tests.programs import need_program

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


def test_nginx_takes_that_of_the_container(etc: Path) -> None:
    main = etc / "nginx.conf"
    main.write_text(moved((DOCKER / "nginx" / "nginx.conf").read_text(encoding="utf-8"), etc))

    assert check(main) == "0"


def test_nginx_takes_that_of_the_host(etc: Path) -> None:
    site = moved((DOCKER / "nginx" / "site.conf").read_text(encoding="utf-8"), etc)
    main = etc / "host.conf"
    main.write_text(f"pid {etc}/host.pid;\nevents {{}}\nhttp {{\n{site}\n}}\n")

    assert check(main) == "0"


def test_what_is_for_the_inside_is_not_passed_on() -> None:
    rules = (DOCKER / "nginx" / "proxy.conf").read_text(encoding="utf-8")
    headers = (DOCKER / "nginx" / "headers.conf").read_text(encoding="utf-8")

    assert "location = /metrics {\n    return 404;" in rules
    for name in ("Forwarded", "X-Forwarded-Host", "Daphne-Root-Path"):
        assert f'proxy_set_header {name} "";' in headers
