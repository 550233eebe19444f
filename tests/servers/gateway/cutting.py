"""A proxy that cuts each connection after a random number of bytes, in the middle of whatever goes by."""

from __future__ import annotations

import asyncio
import random

from tests.servers.proxy import BLOCK, TcpProxy, reset


class CuttingProxy(TcpProxy):
    """Cuts `cuts` connections, each after up to `most` bytes to the client; passes everything on after that."""

    def __init__(self, target_port: int, *, cuts: int, most: int, seed: int) -> None:
        super().__init__(target_port)
        self.cuts_left = cuts
        self._most = most
        self._random = random.Random(seed)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        if up or self.cuts_left <= 0:
            await super()._pass(reader, writer, up=up)
            return
        left = self._random.randint(1, self._most)
        while data := await reader.read(BLOCK):
            writer.write(data[:left])
            await writer.drain()
            left -= len(data)
            if left <= 0:
                self.cuts_left -= 1
                writer.close()
                reset(writer)
                raise ConnectionResetError
