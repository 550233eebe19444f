"""The HTTP server under both emulators, at the level of bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.servers.http import HttpServer
from tests.servers.multipart import parse_form
from tests.servers.wire import Cut, Request, Response

# What every exchange asks for last, and the answer to that: then the server closes.
LAST = b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n"
OVER = Response(body=b"over")


async def serve(request: Request) -> Response:
    if request.path == "/last":
        return OVER
    if request.path == "/cut":
        raise Cut
    if request.path == "/broken":
        raise RuntimeError("a fault of our own")
    if request.path == "/stream":
        return Response(stream=_pieces(), content_type="text/plain")
    return Response.from_json({"method": request.method, "query": request.query, "body": request.body.decode()})


async def _pieces() -> AsyncIterator[bytes]:
    for piece in (b"one ", b"two"):
        yield piece
        await asyncio.sleep(0)


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    made = HttpServer(serve, max_body=1000)
    await made.open()
    yield made
    await made.stop()


async def exchange(server: HttpServer, data: bytes) -> bytes:
    """Send bytes, then read to the end of the connection; return what was answered to them."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(data + LAST)
        async with asyncio.timeout(20):
            answer = await reader.read()
        return answer.removesuffix(OVER.head() + OVER.body)
    finally:
        writer.close()


async def test_requests_in_one_go_are_answered_in_order(server: HttpServer) -> None:
    answer = await exchange(server, b"GET /a?x=1 HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi")
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b'{"x":"1"}') < answer.index(b'"body":"hi"')


async def test_chunked_bodies_both_ways(server: HttpServer) -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b'"body":"hello"' in await exchange(server, head + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n")
    answer = await exchange(server, b"GET /stream HTTP/1.1\r\n\r\nGET /after HTTP/1.1\r\n\r\n")
    assert b"4\r\none \r\n3\r\ntwo\r\n0\r\n\r\nHTTP/1.1 200 OK" in answer


async def test_cut_closes_without_an_answer(server: HttpServer) -> None:
    assert await exchange(server, b"GET /cut HTTP/1.1\r\n\r\nGET /after HTTP/1.1\r\n\r\n") == b""


async def test_own_faults_are_500(server: HttpServer, caplog: pytest.LogCaptureFixture) -> None:
    assert (await exchange(server, b"GET /broken HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 500 ")
    assert "a fault of our own" in caplog.text


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / SPDY/3\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi", b"100"),
    ],
)
async def test_odd_requests(server: HttpServer, data: bytes, status: bytes) -> None:
    assert (await exchange(server, data)).startswith(b"HTTP/1.1 " + status)


async def test_a_gate_cuts_before_the_body() -> None:
    server = HttpServer(serve, gate=lambda request: request.path != "/no")
    await server.open()
    try:
        assert await exchange(server, b"POST /no HTTP/1.1\r\nContent-Length: 9\r\n\r\n") == b""
        assert b"200 OK" in await exchange(server, b"GET /yes HTTP/1.1\r\n\r\n")
    finally:
        await server.stop()


async def test_it_takes_its_port_again(server: HttpServer) -> None:
    port = server.port
    await server.close()
    with pytest.raises(ConnectionRefusedError):
        await exchange(server, b"GET / HTTP/1.1\r\n\r\n")
    await server.open()
    assert server.port == port
    assert b"200 OK" in await exchange(server, b"GET / HTTP/1.1\r\n\r\n")


def form(kind: str, body: bytes, target: str = "/?q=1") -> Request:
    return Request("POST", target, {"content-type": kind}, body=body)


def test_forms() -> None:
    multipart = (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xc3\xa9\r\n'
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="na%22me.txt"\r\nContent-Type: text/plain\r\n\r\n'
        b"1\r\n2\r\n--x--\r\n"
    )
    fields, files = parse_form(form('multipart/form-data; boundary="x"', multipart))
    assert fields == {"q": "1", "a": "é"}
    assert (files["f"].name, files["f"].content_type, files["f"].data) == ('na"me.txt', "text/plain", b"1\r\n2")
    assert parse_form(form("application/json", b'{"a":[1]}'))[0] == {"q": "1", "a": [1]}
    assert parse_form(form("application/x-www-form-urlencoded", b"a=1&b=%C3%A9"))[0] == {"q": "1", "a": "1", "b": "é"}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"[1]"),
        ("application/json", b"{"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nno end of headers"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1'),
    ],
)
def test_broken_forms(kind: str, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_form(form(kind, body))
