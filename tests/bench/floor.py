"""The floor of what the gateway can cost: the web role's own server, whose application answers a constant.

`python -m tests.bench.floor PORT`. A client that connects to `/1400` gets answers of about 1,400 bytes.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import django

django.setup()

from daphne.server import Server  # noqa: E402 - the server's patches below need Django set up

import clawsite.ops.webserver  # noqa: E402, F401 - gives Daphne the protocol that the product uses
from clawsite.ops.listening import BACKLOG  # noqa: E402

CHALLENGE = '{"type":"event","event":"connect.challenge","payload":{"nonce":"0","ts":0}}'
# Where a request has its id: {"type":"req","id":"q00000001","method":...
ID = slice(20, 29)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Accept, send the challenge, answer every frame with its id and a constant."""
    if scope["type"] != "websocket":
        raise ValueError(scope["type"])
    constant = '","ok":true,"payload":{"text":"' + "x" * int(scope["path"].strip("/") or 0) + '"}}'
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": CHALLENGE})
    begun = False
    while (event := await receive())["type"] == "websocket.receive":
        text = event["text"]
        name = text[ID] if begun else text[ID.start :].partition('"')[0]
        begun = True
        await send({"type": "websocket.send", "text": '{"type":"res","id":"' + name + constant})


def main() -> None:
    """Serve until killed."""
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=BACKLOG)
    Server(application, endpoints=[str(listening.detach())], signal_handlers=False, verbosity=0).run()


if __name__ == "__main__":
    main()
