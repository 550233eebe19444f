"""Listening on IPv4, on IPv6, and on both with one socket."""

from __future__ import annotations

import socket

import pytest
from pytest_django import Settings

from clawsite.core.errors import NotConfigured
from clawsite.ops.listening import open_socket
from clawsite.web.address import address_of, is_direct_local
from tests.ports import free_port


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as trial:
        try:
            trial.bind(("::1", 0))
        except OSError:
            return False
    return True


@pytest.mark.parametrize(
    ("host", "reached"), [("127.0.0.1", {"127.0.0.1"}), ("::1", {"::1"}), ("::", {"127.0.0.1", "::1"})]
)
def test_who_asks_at_the_address_gets_through(settings: Settings, host: str, reached: set[str]) -> None:
    settings.CLAW_HOST, settings.CLAW_PORT = host, free_port()
    if ":" in host and not has_ipv6():  # then it is told what to do instead
        with pytest.raises(NotConfigured, match=r"Set CLAW_HOST to an address of this machine"):
            open_socket()
        return
    with open_socket() as listening:
        assert {each for each in ("127.0.0.1", "::1") if answers(each, settings.CLAW_PORT)} == reached
        assert listening.family == (socket.AF_INET6 if ":" in host else socket.AF_INET)


def answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError:
        return False
    return True


def test_a_taken_port_of_ipv6_is_written_as_one(settings: Settings) -> None:
    settings.CLAW_HOST = "2001:db8::1"  # an address for documents
    with pytest.raises(NotConfigured, match=r"Cannot listen on \[2001:db8::1\]:\d+: "):
        open_socket()


@pytest.mark.parametrize(
    ("peer", "address", "local"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("::1:2", "::1:2", False),
        ("::ffff:192.0.2.7", "192.0.2.7", False),
        ("2001:db8::7", "2001:db8::7", False),
    ],
)
def test_an_address_of_ipv4_is_the_same_at_both_kinds_of_sockets(peer: str, address: str, local: bool) -> None:
    scope = {"type": "http", "client": (peer, 1), "headers": []}
    assert (address_of(scope), is_direct_local(scope)) == (address, local)
