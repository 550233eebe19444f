"""One request to a configured address: private ones are fine, no host's are not, and time and size are bounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.errors import BadInput, ClawError, NotAllowed, NotConfigured, Unavailable
from guardrails.http import Reply, acall, call
from tests.guardrails.test_http import make_certificate, running
from tests.ports import free_port
from tests.servers.hosting import Hosted
from tests.servers.http import HttpServer
from tests.servers.wire import Request, Response


class Machine(Hosted):
    """A web server that keeps what it was asked and answers by path."""

    def __init__(self) -> None:
        super().__init__()
        self.http = HttpServer(self.answer)
        self.requests: list[Request] = []

    async def _open(self) -> None:
        await self.http.open()

    async def _close(self) -> None:
        await self.http.stop()

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        self.requests.append(request)
        match request.path:
            case "/large":
                return Response(body=b"x" * 5000)
            case "/slow":
                await asyncio.sleep(30)
            case "/trickle":
                return Response(stream=_drops())
            case "/elsewhere":
                return Response(status=302, headers={"Location": "http://169.254.169.254/"})
        return Response.from_json({"path": request.path}, 418 if request.path == "/teapot" else 200)


async def _drops() -> AsyncIterator[bytes]:
    while True:
        yield b"."
        await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """One for all."""
    with Machine().running() as made:
        yield made


def test_it_sends_what_it_is_told_and_returns_any_status(machine: Machine) -> None:
    url = f"{machine.http.url}/teapot?a=1%202"
    reply = call(url, method="POST", headers={"X-Mine": "1", "Host": "other"}, body=b"{}")
    assert (reply.status, reply.json(), reply.headers["content-type"]) == (418, {"path": "/teapot"}, "application/json")
    asked = machine.requests[-1]
    assert (asked.method, asked.query, asked.body) == ("POST", {"a": "1 2"}, b"{}")
    assert asked.headers["x-mine"] == "1"
    assert asked.headers["host"] == machine.http.url.removeprefix("http://")


@pytest.mark.parametrize("name", ["Host", "host", "HOST", "hOsT"])
def test_nobody_else_says_which_host_is_asked(machine: Machine, name: str) -> None:
    sent = {name: "other.example", "transfer-encoding": "chunked", "CONNECTION": "upgrade"}
    assert call(f"{machine.http.url}/teapot", method="POST", headers=sent, body=b"{}").status == 418
    asked = machine.requests[-1].headers
    assert asked["host"] == machine.http.url.removeprefix("http://")
    assert (asked["connection"], asked["content-length"], "transfer-encoding" in asked) == ("close", "2", False)


def test_a_redirect_is_an_answer_and_is_not_followed(machine: Machine) -> None:
    assert call(f"{machine.http.url}/elsewhere").status == 302


def test_a_large_answer_is_refused(machine: Machine) -> None:
    assert len(call(f"{machine.http.url}/large", max_bytes=5000).body) == 5000
    with pytest.raises(BadInput, match="larger than"):
        call(f"{machine.http.url}/large", max_bytes=4999)


@pytest.mark.parametrize("path", ["/slow", "/trickle"])
def test_the_whole_call_has_one_limit_of_time(machine: Machine, path: str) -> None:
    before = time.monotonic()
    with pytest.raises(Unavailable, match=r"within 0\.3 seconds"):
        call(f"{machine.http.url}{path}", seconds=0.3)
    assert time.monotonic() - before < 15


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "240.0.0.1",
        "255.255.255.255", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "nonsense",
    ],
)  # fmt: skip
def test_an_address_that_is_no_host_is_refused(address: str) -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["10.0.0.7", address]

    with pytest.raises(NotAllowed, match="no host"):
        call("http://guardian.test/", resolver=resolver)


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "http://user:word@127.0.0.1/", "http://", "http://a b/", "file:///etc"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        call(url)


def test_methods_are_the_known_ones(machine: Machine) -> None:
    with pytest.raises(BadInput, match="method"):
        call(machine.http.url, method="GET / HTTP/1.1\r\nX: y\r\n\r\nGET")


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\r\nY": "a"}, {"X": "ж"}])
def test_headers_cannot_smuggle_others(machine: Machine, headers: dict[str, str]) -> None:
    seen = len(machine.requests)
    with pytest.raises(ClawError):
        call(machine.http.url, headers=headers)
    assert len(machine.requests) == seen


def test_what_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        call(f"http://127.0.0.1:{free_port()}/")


def test_the_next_address_is_tried_and_the_name_is_resolved_once(machine: Machine) -> None:
    asked: list[str] = []

    async def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.77", "127.0.0.1"]

    assert call(f"http://guardian.test:{machine.http.port}/", resolver=resolver).status == 200
    assert asked == ["guardian.test"]
    assert machine.requests[-1].headers["host"] == f"guardian.test:{machine.http.port}"


async def test_the_certificate_is_that_of_the_name(tmp_path: Path) -> None:
    server, client = make_certificate(tmp_path, "secure.test")

    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with running(server) as site:
        site.page("/", b"private talk")

        def ask(name: str) -> Reply:
            return call(f"https://{name}:{site.port}/", resolver=resolver, tls=client, seconds=20)

        assert (await asyncio.to_thread(ask, "secure.test")).text == "private talk"
        with pytest.raises(Unavailable):
            await asyncio.to_thread(ask, "other.test")


async def test_an_authority_of_ones_own_is_trusted_when_named(tmp_path: Path, settings: Settings) -> None:
    server, _client = make_certificate(tmp_path, "secure.test")

    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with running(server) as site:
        site.page("/", b"private talk")
        url = f"https://secure.test:{site.port}/"
        with pytest.raises(Unavailable):
            await acall(url, resolver=resolver, seconds=20)
        settings.CLAW_CA_FILE = str(tmp_path / "cert.pem")
        assert (await acall(url, resolver=resolver, seconds=20)).text == "private talk"
        settings.CLAW_CA_FILE = __file__
        with pytest.raises(NotConfigured, match="CLAW_CA_FILE"):
            await acall(url, resolver=resolver, seconds=20)


def test_only_json_is_taken_for_json() -> None:
    with pytest.raises(BadInput, match="not JSON"):
        Reply(status=200, body=b"<html>").json()
    assert Reply(status=200, body=b"\xff").text == "\ufffd"
