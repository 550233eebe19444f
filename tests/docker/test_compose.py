"""The compose files: every service is confined and bounded, and nothing but the proxy is reached from outside."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.docker.reading import DOCKER, read_document
from tests.test_house import settings_read

READY = (
    "Ready. Next: docker compose -f docker/compose.prod.yaml up -d, "
    "then docker/deploy --config docker/deploy.compose.toml IMAGE.\n"
)
PLAIN, PROD = (read_document(DOCKER / name) for name in ("compose.yaml", "compose.prod.yaml"))
SERVICES = [(f"{name} of {kind}", service) for kind, file in (("one", PLAIN), ("prod", PROD))
            for name, service in file["services"].items()]  # fmt: skip


def names(service: Any) -> str:
    return service if isinstance(service, str) else ""


@pytest.mark.parametrize(("name", "service"), SERVICES, ids=names)
def test_a_service_is_confined_and_bounded(name: str, service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service["restart"] == "unless-stopped"
    assert {"mem_limit", "pids_limit"} <= service.keys()
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


@pytest.mark.parametrize(("name", "service"), SERVICES, ids=names)
def test_an_image_has_a_version(name: str, service: dict[str, Any]) -> None:
    tag = re.fullmatch(r"\$\{[A-Z_]+:-[\w./-]+:([\w.-]+)\}", service["image"])

    assert tag
    assert tag[1] != "latest"


@pytest.mark.parametrize(("name", "service"), SERVICES, ids=names)
def test_only_the_proxy_listens_to_the_world(name: str, service: dict[str, Any]) -> None:
    open_ports = [port for port in service.get("ports", ()) if not port.startswith("127.0.0.1:")]

    assert bool(open_ports) == name.startswith("nginx")


@pytest.mark.parametrize(("name", "service"), SERVICES, ids=names)
def test_its_health_is_asked(name: str, service: dict[str, Any]) -> None:
    ours = any(name.startswith(own) for own in ("clawsite", "blue", "green"))

    if not ours:
        assert "healthcheck" in service
    else:  # the image brings its own, which is about the command that the image has
        assert service.keys().isdisjoint({"healthcheck", "command", "entrypoint"})


def test_secrets_are_files_and_each_is_declared_and_used() -> None:
    declared = set(PROD["secrets"])
    used = {secret for service in PROD["services"].values() for secret in service.get("secrets", ())}

    assert used == declared
    assert all(secret["file"].startswith("secrets/") for secret in PROD["secrets"].values())
    plain = [value for service in PROD["services"].values() for value in service.get("environment", {}).values()]
    assert [value for value in plain if "password" in str(value).lower() and "/run/secrets/" not in str(value)] == []


def test_ours_are_settings_that_exist() -> None:
    known = set(settings_read())
    given = {name for colour in ("blue", "green") for name in PROD["services"][colour]["environment"]}

    assert {name for name in given if name.removesuffix("_FILE") not in known} == set()


def test_the_two_places_differ_only_in_what_names_them() -> None:
    blue, green = (str(PROD["services"][colour]) for colour in ("blue", "green"))

    assert blue.replace("blue", "green").replace("BLUE", "GREEN").replace("250.11", "250.12") == green


def test_the_database_is_of_the_version_that_the_image_can_dump() -> None:
    assert "postgres:15-" in PROD["services"]["postgres"]["image"]
    assert "bookworm" in (DOCKER / "Dockerfile").read_text(encoding="utf-8")  # whose client is 15


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on this machine. On Debian or Ubuntu: apt-get install openssl")
    shutil.copy(DOCKER / "prepare", tmp_path)
    prepare(tmp_path)
    return tmp_path


def prepare(place: Path) -> str:
    done = subprocess.run(
        [place / "prepare", "claw.test"], capture_output=True, text=True, timeout=60, check=True
    )  # fmt: skip
    return done.stdout


def test_prepare_makes_every_secret_once_and_for_nobody_else(prepared: Path) -> None:
    secrets = prepared / "secrets"
    made = {path.name: path.read_bytes() for path in secrets.iterdir()}

    assert set(PROD["secrets"]) <= made.keys()
    assert secrets.stat().st_mode & 0o077 == 0
    assert len({value for name, value in made.items() if name.endswith(("password", "token", "key"))}) == 7
    assert "made" not in prepare(prepared)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == made
    assert made["postgres_password"].strip() in made["database_url"]
    assert "CLAW_PUBLIC_URL=https://claw.test\n" in (prepared / ".env").read_text()


def test_prepare_makes_a_certificate_of_its_key_also_when_it_was_interrupted_before(prepared: Path) -> None:
    certificate, key = (prepared / "secrets" / name for name in ("tls_certificate", "tls_key"))
    before = key.read_bytes()
    certificate.unlink()

    assert prepare(prepared) == f"made secrets/tls_certificate\n{READY}"
    assert key.read_bytes() == before
    assert public_of("x509", "-in", certificate, "-pubkey", "-noout") == public_of("pkey", "-in", key, "-pubout")
    key.unlink()
    with pytest.raises(subprocess.CalledProcessError) as refused:
        prepare(prepared)
    assert "tls_certificate is there without its key" in refused.value.stderr
    assert not key.exists()


def public_of(*words: str | Path) -> bytes:
    """Return the public key that openssl finds in a file."""
    return subprocess.run(["openssl", *words], capture_output=True, timeout=60, check=True).stdout


def test_prepare_keeps_no_empty_secret(tmp_path: Path) -> None:
    shutil.copy(DOCKER / "prepare", tmp_path)
    broken = tmp_path / "bin" / "openssl"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o700)
    done = subprocess.run(
        [tmp_path / "prepare"],
        env={"PATH": f"{broken.parent}:/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert not (tmp_path / "secrets" / "postgres_password").exists()
