"""TLS with an authority of one's own, client certificates, proxies, and addresses that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from websockets.asyncio.server import serve
from websockets.http11 import Request, Response

from clawsite.rpc import BadTarget, ClientError, GatewayClient, GatewayTarget, TlsOptions, Unreachable
from tests.clawsite.rpc.meeting import target_of
from tests.servers.gateway import GatewayEmulator
from tests.servers.gateway.certificates import Authority
from tests.servers.gateway.tunnel import TunnelProxy


async def ask(target: GatewayTarget) -> None:
    """Connect, ask once, close."""
    async with GatewayClient(target) as client:
        assert await client.request("ping") == {"ok": True}


async def test_wss_trusts_the_authority_it_is_given(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with GatewayEmulator(tls=authority.server_context()) as gateway:
        await ask(target_of(gateway, tls=TlsOptions(ca_file=authority.ca_file)))


async def test_wss_trusts_nobody_else(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    async with GatewayEmulator(tls=authority.server_context()) as gateway:
        for options in (TlsOptions(), TlsOptions(ca_file=other.ca_file)):
            with pytest.raises(Unreachable, match="certificate is not trusted"):
                await ask(target_of(gateway, tls=options))
    assert gateway.connects == []


async def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert_file, key_file = authority.issue("client")
    locked_cert, locked_key = authority.issue("locked", password="pass-word")
    async with GatewayEmulator(tls=authority.server_context(wants_client=True)) as gateway:
        await ask(target_of(gateway, tls=TlsOptions(ca_file=authority.ca_file, cert_file=cert_file, key_file=key_file)))
        locked = TlsOptions(
            ca_file=authority.ca_file,
            cert_file=locked_cert,
            key_file=locked_key,
            key_password_ref=lambda: "pass-word",
        )
        await ask(target_of(gateway, tls=locked))
        with pytest.raises(ClientError):
            await ask(target_of(gateway, tls=TlsOptions(ca_file=authority.ca_file)))


async def test_certificate_files_that_cannot_be_used_are_a_sentence(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert_file, key_file = authority.issue("locked", password="pass-word")
    async with GatewayEmulator(tls=authority.server_context()) as gateway:
        for options in (
            TlsOptions(ca_file="/nowhere"),
            TlsOptions(ca_file=authority.ca_file, cert_file=cert_file, key_file=key_file),
        ):
            with pytest.raises(BadTarget, match="certificate files"):
                await ask(target_of(gateway, tls=options))


async def test_a_proxy_is_gone_through_also_for_wss(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with (
        GatewayEmulator() as plain,
        GatewayEmulator(tls=authority.server_context()) as secure,
        TunnelProxy(login="me:pass-word") as proxy,
    ):
        address = f"http://me:pass-word@127.0.0.1:{proxy.port}"
        await ask(target_of(plain, proxy=address))
        await ask(target_of(secure, proxy=address, tls=TlsOptions(ca_file=authority.ca_file)))
        with pytest.raises(Unreachable) as caught:
            await ask(target_of(plain, proxy=f"http://me:other-word@127.0.0.1:{proxy.port}"))

        assert proxy.tunnels == [f"127.0.0.1:{plain.port}", f"127.0.0.1:{secure.port}"]
    assert "other-word" not in str(caught.value)


async def test_a_proxy_of_the_environment_is_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with GatewayEmulator() as gateway:
        await ask(target_of(gateway))
        with pytest.raises(Unreachable):
            await ask(target_of(gateway, proxy="http://127.0.0.1:1"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1", "127.0.0.1:18789", "ws://", "ws://user:pass@127.0.0.1", "wss://gw.example?token=x",
        "ws://gw.example", "ws://8.8.8.8:18789", "ws://127.0.0.1:port", "ws://[::1",
    ],
)  # fmt: skip
def test_addresses_that_cannot_work_or_would_show_the_token_are_refused(url: str) -> None:
    with pytest.raises(BadTarget):
        GatewayTarget(id="x", ws_url=url)


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:18789", "ws://[::1]:1", "ws://192.168.1.9:1", "ws://gateway:18789", "wss://gw.example/path"]
)
def test_near_addresses_may_be_plain_and_far_ones_encrypted(url: str) -> None:
    assert GatewayTarget(id="x", ws_url=url).ws_url == url


def test_plain_to_a_public_address_has_to_be_wanted() -> None:
    assert GatewayTarget(id="x", ws_url="ws://gw.example", allow_plain=True).allow_plain


async def test_a_redirect_is_not_followed() -> None:
    async with GatewayEmulator() as gateway:

        def send_away(connection: object, request: Request) -> Response:
            response = Response(302, "Found", request.headers.__class__(), b"")
            response.headers["Location"] = gateway.url
            response.headers["Content-Length"] = "0"
            return response

        async def nothing(connection: object) -> None: ...

        async with serve(nothing, "127.0.0.1", 0, process_request=send_away) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(Unreachable, match="302"):
                await ask(target_of(gateway, ws_url=f"ws://127.0.0.1:{port}"))
        assert gateway.connects == []
