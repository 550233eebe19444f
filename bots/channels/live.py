"""What channels without a platform share: the web chat and the gateway, whose far ends read message rows.

Nothing is sent anywhere: each text of the bot is a message row, which the far end reads and is told about, so the calls
that reach a platform elsewhere only keep their promises here (an id for what was sent, success for what is gone).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings

from bots.channels.base import (
    Account,
    Address,
    Capabilities,
    ChannelError,
    CommandHint,
    OutboundMessage,
    Part,
)
from bots.channels.files import create_file, open_regular
from bots.channels.markdown import parse_markdown
from bots.channels.rich import Rich, clean_text
from bots.channels.splitting import split
from bots.channels.updates import UPLOADS

_NO_BATCHES: Sequence[Sequence[Mapping[str, Any]]] = ()


class LiveAdapter:
    """Speaks through rows. A kind adds its name and how it reads what was stored."""

    kind: ClassVar[str]
    capabilities: ClassVar[Capabilities] = Capabilities(text_max=65_536, caption_max=65_536, live=True)
    polls = False

    def __init__(self, account: Account) -> None:
        self.account = account

    async def open(self) -> Mapping[str, Any]:
        """Return the account's identity; there is nothing to connect to."""
        return {"id": str(self.account.channel_id), "username": "", "name": self.account.name}

    async def close(self) -> None:
        """Nothing is held open."""

    async def updates(self) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """Yield nothing: the web process stores what comes in."""
        for batch in _NO_BATCHES:
            yield batch

    def render(self, message: OutboundMessage) -> list[Part]:
        """Return the text as it is (the far end renders Markdown itself) and the files."""
        source = clean_text(message.text)
        plain = source if message.plain else parse_markdown(source).text
        texts = split(Rich(source), limit=self.capabilities.text_max)
        whole = len(texts) == 1
        parts = [Part(body=piece.text, fallback=plain if whole else piece.text) for piece in texts]
        parts += [Part(body="", fallback="", file=file) for file in message.files]
        return [
            Part(
                body=part.body,
                fallback=part.fallback,
                file=part.file,
                buttons=message.buttons if number == len(parts) else (),
                reply_to_id=message.reply_to_id if number == 1 else "",
                notify=message.notify and number == 1,
            )
            for number, part in enumerate(parts, start=1)
        ]

    async def send(self, address: Address, part: Part, *, plain: bool = False) -> str:
        """Return a new id; the message row is what is shown."""
        return uuid.uuid4().hex

    async def edit(self, address: Address, remote_id: str, part: Part, *, plain: bool = False) -> None:
        """The far end reads the row as it is now."""

    async def delete(self, address: Address, remote_id: str) -> None:
        """There are no previews that would have to go."""

    async def typing(self, address: Address) -> None:
        """The far end is told over the nudge."""

    async def react(self, address: Address, remote_id: str, emoji: str) -> None:
        """There are no reactions of the bot."""

    async def answer_callback(self, callback_id: str, *, text: str = "", alert: bool = False) -> None:
        """There is no spinner to stop; the answer to a pressed button is a message."""

    async def fetch(self, ref: str, target: Path, *, limit: int) -> int:
        """Copy an uploaded file to `target` and return its size; ChannelError beyond the limit."""
        return await asyncio.to_thread(_copy, ref, target, limit)

    async def set_commands(self, hints: Mapping[str, Sequence[CommandHint]]) -> None:
        """There is no command menu to publish."""


def _copy(ref: str, target: Path, limit: int) -> int:
    with open_regular(settings.MEDIA_ROOT / UPLOADS, ref) as source:
        if os.fstat(source.fileno()).st_size > limit:
            raise ChannelError("The file is larger than allowed.", permanent=True)
        with create_file(target) as out:
            shutil.copyfileobj(source, out)
            return out.tell()
