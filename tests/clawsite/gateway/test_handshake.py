"""The handshake over a real server: who is let in, in which words others are turned away, and how sockets end."""

from __future__ import annotations

import pytest

from clawsite.gateway.principal import Scope
from tests.clawsite.gateway.seat import Gateway, Line, Refused, principal


async def test_alice_connects_pings_and_hears_her_way_around(gateway: Gateway) -> None:
    async with gateway.client() as alice:
        hello = alice.hello
        assert (hello["type"], hello["protocol"], hello["snapshot"]["authMode"]) == ("hello-ok", 4, "token")
        assert hello["policy"]["maxPayload"] == 26214400
        assert "ping" in hello["features"]["methods"]
        assert "taskSuggestions.list" not in hello["features"]["methods"]
        assert hello["snapshot"]["sessionDefaults"]["mainSessionKey"] == "agent:main:main"
        assert (await alice.call("ping"))["ts"] > 0
        with pytest.raises(Refused, match=r"INVALID_REQUEST: unknown method: no\.such"):
            await alice.call("no.such")


async def test_methods_run_without_a_socket_too() -> None:
    assert (await Line().call("ping"))["ts"] > 0
    with pytest.raises(Refused, match=r"missing scope: operator\.read"):
        await Line(principal("charlie", Scope.PAIRING)).call("ping")
