"""The guarded client against real servers on loopback: what it refuses, what it reads, and where it connects."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clawsite.core.errors import BadInput, ClawError, NotAllowed, Unavailable
from guardrails.addresses import is_public, parse_target, resolve
from guardrails.http import fetch

Handler = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


class Site:
    """A web server that answers each path with fixed bytes and keeps the requests it got."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[str] = []
        self.pages: dict[str, bytes] = {}
        self.stalled: asyncio.Event = asyncio.Event()

    @property
    def host(self) -> str:
        """Host and port, as the list of excepted hosts has them."""
        return f"127.0.0.1:{self.port}"

    def page(self, path: str, body: bytes, *, kind: str = "text/plain", status: int = 200, more: str = "") -> str:
        """Serve a body under a path; return the address."""
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}"
        head += "Connection: close\r\n\r\n"
        self.pages[path] = head.encode() + body
        return f"http://{self.host}{path}"

    def redirect(self, path: str, location: str) -> str:
        """Serve a redirect; return its address."""
        return self.page(path, b"", status=302, more=f"Location: {location}\r\n")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(request)
        if request.split()[1] == "/stall":
            await self.stalled.wait()
        writer.write(self.pages.get(request.split()[1], b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def running(tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    """Run a site on a free port of loopback."""
    site = Site(0)
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        site.stalled.set()
        server.close()
        await server.wait_closed()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """One site."""
    async with running() as made:
        yield made


def resolving(*answers: list[str]) -> tuple[Callable[[str, int], Awaitable[list[str]]], list[str]]:
    """Return a resolver that gives one answer after the other, and the list of names it was asked for."""
    asked: list[str] = []

    async def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolver, asked


async def test_a_text_page_is_read(site: Site) -> None:
    url = site.page("/a?b=c%20d", "Grüße 🙂".encode(), kind="text/html; charset=utf-8")
    page = await fetch(url + "#part", allow_private_hosts=[site.host])
    assert (page.url, page.status, page.content_type, page.text) == (url, 200, "text/html", "Grüße 🙂")
    assert f"Host: {site.host}" in site.requests[0]
    assert "ookie" not in site.requests[0]
    assert "uthorization" not in site.requests[0]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://10.0.0.1/", "http://192.168.1.1/",
        "http://100.64.0.1/", "http://0.0.0.0/", "http://224.0.0.1/", "http://[fe80::1]/", "http://[fd00::1]/",
        "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[::]/", "http://[ff02::1]/",
        "https://127.0.0.1/",
    ],
)  # fmt: skip
async def test_private_addresses_are_refused(url: str) -> None:
    with pytest.raises(NotAllowed, match="private network"):
        await fetch(url, allow_private_hosts=[])


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://0x7f.1/",
        "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)", "http://", "/a", "",
        "http://user:pw@example.com/", "http://example.com@127.0.0.1/", "http://exa mple.com/", "http://a\r\nb/",
        "http://example.com\\@127.0.0.1/", "http://example.com:99999/", "http://[::1", "http://[fe80::1%25lo]/",
        "http://exa_$mple.com/", "http://" + "a" * 5000 + ".com/",
    ],
)  # fmt: skip
async def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        await fetch(url, allow_private_hosts=[])


async def test_unusual_ports_are_refused_unless_named(site: Site) -> None:
    url = site.page("/", b"x")
    with pytest.raises(NotAllowed, match="ports"):
        await fetch(url, allow_private_hosts=["127.0.0.1"])
    with pytest.raises(NotAllowed, match="ports"):
        await fetch(url, allow_private_hosts=["127.0.0.1:1"])
    assert not site.requests


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    resolver, _ = resolving(["93.184.216.34", "127.0.0.1"])
    with pytest.raises(NotAllowed, match="private"):
        await fetch("http://mixed.test/", allow_private_hosts=[], resolver=resolver)


async def test_a_name_is_resolved_once_and_the_answer_is_what_is_connected_to(site: Site) -> None:
    """A second answer (rebinding) is never asked for: it would lead to a port where nothing listens."""
    site.page("/", b"the first answer")
    resolver, asked = resolving(["127.0.0.1"], ["127.0.0.2"])
    name = f"rebind.test:{site.port}"
    page = await fetch(f"http://{name}/", allow_private_hosts=[name], resolver=resolver)
    assert page.text == "the first answer"
    assert asked == ["rebind.test"]
    assert f"Host: {name}\r\n" in site.requests[0]


async def test_the_next_address_is_tried_when_one_does_not_take_the_connection(site: Site) -> None:
    site.page("/", b"reached")
    resolver, _ = resolving(["127.0.0.9", "127.0.0.1"])
    name = f"two.test:{site.port}"
    assert (await fetch(f"http://{name}/", allow_private_hosts=[name], resolver=resolver)).text == "reached"


async def test_redirects_are_followed_three_times_and_checked_each_time(site: Site) -> None:
    site.page("/end", b"here")
    site.redirect("/3", "/end")
    site.redirect("/2", "3")
    start = site.redirect("/1", f"http://{site.host}/2")
    page = await fetch(start, allow_private_hosts=[site.host])
    assert (page.text, page.url) == ("here", f"http://{site.host}/end")
    longer = site.redirect("/0", "/1")
    with pytest.raises(NotAllowed, match="more than 3"):
        await fetch(longer, allow_private_hosts=[site.host])


@pytest.mark.parametrize("location", ["http://127.0.0.1/", "http://169.254.169.254/", "//[::1]/", "http://localhost/"])
async def test_a_redirect_into_a_private_network_is_refused(site: Site, location: str) -> None:
    with pytest.raises(NotAllowed):
        await fetch(site.redirect("/", location), allow_private_hosts=[site.host])


@pytest.mark.parametrize("location", ["file:///etc/passwd", "//["])
async def test_a_redirect_to_another_kind_of_address_or_to_none_is_refused(site: Site, location: str) -> None:
    with pytest.raises(BadInput):
        await fetch(site.redirect("/", location), allow_private_hosts=[site.host])


def test_a_redirect_never_leads_down_to_http() -> None:
    with pytest.raises(NotAllowed, match="https to http"):
        parse_target("https://a.test/").follow("http://a.test/")


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "application/pdf", "", "text"])
async def test_only_text_is_read(site: Site, kind: str) -> None:
    with pytest.raises(BadInput, match="not a text page"):
        await fetch(site.page("/", b"x", kind=kind), allow_private_hosts=[site.host])


async def test_a_large_page_is_refused(site: Site) -> None:
    url = site.page("/", b"x" * 5000)
    with pytest.raises(BadInput, match="larger than 4 KiB"):
        await fetch(url, max_bytes=4096, allow_private_hosts=[site.host])
    assert len((await fetch(url, max_bytes=5000, allow_private_hosts=[site.host])).text) == 5000


async def test_unpacked_bytes_are_what_is_counted(site: Site) -> None:
    url = site.page("/", gzip.compress(b"0" * 50_000_000, mtime=0), more="Content-Encoding: gzip\r\n")
    with pytest.raises(BadInput, match="larger than"):
        await fetch(url, allow_private_hosts=[site.host])
    small = site.page("/s", gzip.compress(b"fine", mtime=0), more="Content-Encoding: gzip\r\n")
    assert (await fetch(small, allow_private_hosts=[site.host])).text == "fine"


@pytest.mark.parametrize(
    ("body", "more", "error"),
    [
        (b"junk", "Content-Encoding: gzip\r\n", BadInput),
        (b"junk", "Content-Encoding: br\r\n", BadInput),
        (gzip.compress(b"x" * 5000, mtime=0)[:-12], "Content-Encoding: gzip\r\n", Unavailable),
    ],
)
async def test_packing_that_cannot_be_read_is_an_error(
    site: Site, body: bytes, more: str, error: type[ClawError]
) -> None:
    with pytest.raises(error):
        await fetch(site.page("/", body, more=more), allow_private_hosts=[site.host])


async def test_a_page_that_breaks_off_is_an_error(site: Site) -> None:
    site.pages["/"] = b"HTTP/1.1 200 X\r\nContent-Type: text/plain\r\nContent-Length: 500\r\n\r\nhalf"
    with pytest.raises(Unavailable, match="broke off"):
        await fetch(f"http://{site.host}/", allow_private_hosts=[site.host])


async def test_a_server_that_speaks_something_else_is_an_error(site: Site) -> None:
    site.pages["/"] = b"SSH-2.0-OpenSSH_9\r\n\r\n"
    with pytest.raises(Unavailable):
        await fetch(f"http://{site.host}/", allow_private_hosts=[site.host])


async def test_time_is_limited_in_all(site: Site) -> None:
    with pytest.raises(Unavailable, match=r"0\.3 seconds"):
        await fetch(f"http://{site.host}/stall", seconds=0.3, allow_private_hosts=[site.host])


async def test_what_does_not_exist_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot be found"):
        await resolve("no-such-host.invalid", 80)
    resolver, _ = resolving([])
    with pytest.raises(Unavailable, match="cannot be found"):
        await fetch("http://empty.test/", allow_private_hosts=[], resolver=resolver)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await fetch("http://127.0.0.1:1/", allow_private_hosts=["127.0.0.1:1"])


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("Привет".encode("cp1251"), "text/html; charset=windows-1251", "Привет"),
        (b'<meta charset="iso-8859-1">\xe9', "text/html", '<meta charset="iso-8859-1">é'),
        (b"a\xff", "text/plain; charset=no-such-set", "a\ufffd"),
    ],
)
async def test_character_sets(site: Site, body: bytes, kind: str, text: str) -> None:
    assert (await fetch(site.page("/", body, kind=kind), allow_private_hosts=[site.host])).text == text


def make_certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for a name; return the server's context and one for clients that trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "cert.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


async def test_the_certificate_is_that_of_the_name_not_of_the_address(tmp_path: Path) -> None:
    server, client = make_certificate(tmp_path, "secure.test")
    names: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: names.append(name)
    async with running(server) as site:
        site.page("/", b"private talk")
        resolver, _ = resolving(["127.0.0.1"])
        name = f"secure.test:{site.port}"
        page = await fetch(f"https://{name}/", allow_private_hosts=[name], resolver=resolver, tls=client)
        assert page.text == "private talk"
        assert names == ["secure.test"]
        other = f"other.test:{site.port}"
        with pytest.raises(Unavailable):
            await fetch(f"https://{other}/", allow_private_hosts=[other], resolver=resolver, tls=client)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1:248:1893:25c8:1946", True), ("127.0.0.1", False),
        ("192.0.0.8", False), ("255.255.255.255", False), ("::ffff:8.8.8.8", False), ("not an address", False),
        ("2001:0:1::1", False), ("fec0::1", False), ("168.63.129.16", False), ("168.63.129.17", True),
    ],
)  # fmt: skip
def test_addresses_of_everybody(address: str, public: bool) -> None:
    assert is_public(address) is public
