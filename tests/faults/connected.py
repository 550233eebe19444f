"""Programs that are connected and do nothing else, on plain sockets: who of them is cut off, and how."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from websockets.sync.client import ClientConnection, connect

from tests.clawsite.gateway.seat import connect_params
from tests.faults.gate import TOKEN
from tests.faults.stack import Stack


@contextlib.contextmanager
def connected_programs(stack: Stack, *, many: int) -> Iterator[list[ClientConnection]]:
    """Connect so many programs to an installation."""
    request = json.dumps({"type": "req", "id": "0", "method": "connect", "params": connect_params(TOKEN)})
    with contextlib.ExitStack() as exits:
        opened = [exits.enter_context(connect(f"ws://127.0.0.1:{stack.port}/", compression=None)) for _ in range(many)]
        for each in opened:
            each.recv(10)
            each.send(request)
            assert '"ok":true' in str(each.recv(10))
        yield opened
