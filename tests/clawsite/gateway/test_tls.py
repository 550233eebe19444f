"""TLS on the gateway's own socket, with optional client certificates; certificates of others end the handshake."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from clawsite.checks import check_settings
from clawsite.ops.tls import Certificates
from tests.clawsite.gateway.seat import Client, Gateway, standing_gateway

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def make_certificate(folder: Path, name: str, *, issuer: Pair | None = None) -> Pair:
    """Write NAME.pem and NAME.key; without an issuer it is an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(issuer[1] if issuer else key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, key


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a server and a client of it, and a stranger."""
    made = tmp_path_factory.mktemp("tls")
    authority = make_certificate(made, "authority")
    make_certificate(made, "server", issuer=authority)
    make_certificate(made, "bob", issuer=authority)
    make_certificate(made, "charlie")
    return made


@pytest.fixture(scope="module")
def secure(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A web role that speaks TLS."""
    files = {"CERT": "server.pem", "KEY": "server.key", "CLIENT_CA": "authority.pem"}
    names = {f"CLAW_TLS_{name}": str(folder / file) for name, file in files.items()}
    with standing_gateway(tmp_path_factory.mktemp("secure"), **names) as running:
        yield running


def context(folder: Path, who: str = "") -> ssl.SSLContext:
    """Return what a client trusts and shows."""
    made = ssl.create_default_context(cafile=str(folder / "authority.pem"))
    if who:
        made.load_cert_chain(folder / f"{who}.pem", folder / f"{who}.key")
    return made


@pytest.mark.parametrize("who", ["", "bob"])
async def test_clients_connect_over_tls_with_a_certificate_or_without(secure: Gateway, folder: Path, who: str) -> None:
    url = f"wss://localhost:{secure.port}/"
    async with connect(url, ssl=context(folder, who), origin=f"https://localhost:{secure.port}") as socket:  # type: ignore[arg-type]
        client = Client(socket)
        assert (await client.connect(secure.env_token))["ok"]
        for _ in range(3):
            assert await client.call("ping")
        await client.say(type="req", id="big", method="ping", params={"x": "y" * 500_000})
        assert not (await client.response("big"))["ok"]


async def test_a_certificate_of_somebody_else_ends_the_handshake(secure: Gateway, folder: Path) -> None:
    reached = False
    with suppress(OSError, ConnectionClosed, InvalidHandshake):
        async with connect(f"wss://localhost:{secure.port}/", ssl=context(folder, "charlie")) as socket:
            reached = (await Client(socket).connect(secure.env_token))["ok"]
    assert not reached


async def test_without_tls_nothing_is_answered(secure: Gateway) -> None:
    with pytest.raises((OSError, InvalidHandshake)):
        async with secure.socket():
            pass


def test_what_is_set_wrong_is_said(settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CLAW_TLS_CERT", str(tmp_path / "none.pem")), ("CLAW_GATEWAY_TOKEN", "short")):
        monkeypatch.setattr(f"django.conf.settings.{name}", value)
    assert [found.id for found in check_settings(None)] == ["clawsite.E009", "clawsite.E010", "clawsite.W003"]


def test_a_new_certificate_is_used_and_a_broken_one_is_not(
    tmp_path: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    make_certificate(tmp_path, "server")
    own = tmp_path / "server.pem"
    settings.CLAW_TLS_CERT, settings.CLAW_TLS_KEY = str(own), str(tmp_path / "server.key")
    certificates = Certificates()
    first = certificates.getContext()
    assert certificates.getContext() is first
    for broken in (own.unlink, lambda: own.write_text("no certificate")):
        broken()
        assert [certificates.getContext(), certificates.getContext()] == [first, first]
    assert caplog.text.count("cannot be used") == 2
    make_certificate(tmp_path, "server")
    assert certificates.getContext() is not first
