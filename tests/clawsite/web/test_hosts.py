"""Only our own names are answered, and only our own pages may open a WebSocket with their cookies."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from clawsite.web.hosts import check_hosts, check_origins, normalize_origin
from clawsite.web.plain import Receive, Scope, Send, answer
from tests.clawsite.web.asking import ask, knock


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, 200, b"page")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:18789", 200),
        ("localhost:18789", 200),
        ("LOCALHOST", 200),
        ("[::1]:18789", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example:18789", 400),
        ("localhost@evil.example", 400),
        ("", 400),
    ],
)
async def test_the_host_decides(host: str, status: int) -> None:
    assert (await ask(check_hosts(page), "/", headers={"host": host})).status == status


async def test_a_rebound_name_opens_no_socket() -> None:
    sent, _ = await knock(check_hosts(page), "/chat/socket", {"host": "evil.example"})
    assert sent == ["websocket.close"]


class Seen:
    """An application that remembers what it was given."""

    scope: Scope | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        ("http://127.0.0.1:18789", True),
        ("HTTP://127.0.0.1:18789", True),
        ("http://127.0.0.1:3000", False),
        ("https://127.0.0.1:18789", False),
        ("http://localhost:18789", False),
        ("http://evil.example", False),
        ("null", False),
        ("", False),
        ("file://127.0.0.1:18789", False),
        ("http://127.0.0.1:18789.evil.example", False),
        ("http://127.0.0.1:99999", False),
    ],
)
async def test_a_page_elsewhere_opens_no_socket(origin: str, passes: bool) -> None:
    seen = Seen()
    sent, _ = await knock(check_origins(seen), "/chat/socket", {"origin": origin, "cookie": "sessionid=a"})
    assert (seen.scope is not None) == passes
    assert sent == ([] if passes else ["websocket.close"])
    if seen.scope is not None:
        assert seen.scope["browser"] is True
        assert (b"cookie", b"sessionid=a") in seen.scope["headers"]


async def test_a_client_without_origin_loses_its_cookies() -> None:
    seen = Seen()
    await knock(check_origins(seen), "/chat/socket", {"cookie": "sessionid=a"})
    assert seen.scope is not None
    assert seen.scope["browser"] is False
    assert b"cookie" not in dict(seen.scope["headers"])


@pytest.mark.parametrize(("proto", "origin", "passes"), [
    ("https", "https://claw.example", True),
    ("http", "https://claw.example", False),
])  # fmt: skip
async def test_the_scheme_is_the_proxys_word_only_behind_a_proxy(
    settings: Settings, proto: str, origin: str, passes: bool
) -> None:
    for behind in (True, False):
        settings.CLAW_BEHIND_PROXY = behind
        seen = Seen()
        headers = {"host": "claw.example", "origin": origin, "x-forwarded-proto": proto}
        await knock(check_origins(seen), "/", headers)
        assert (seen.scope is not None) == (passes and behind)


async def test_the_public_address_is_ours(settings: Settings) -> None:
    settings.CLAW_PUBLIC_URL = "https://claw.example/claw"
    seen = Seen()
    await knock(check_origins(seen), "/", {"origin": "https://claw.example"})
    assert seen.scope is not None


def test_ports_are_written_out() -> None:
    assert normalize_origin("https://Claw.example") == normalize_origin("https://claw.example:443")
    assert normalize_origin("https://claw.example/path") == ""
