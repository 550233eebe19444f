"""Bringing files that came with a message to our disk, before the turn that may read them. Limits are the platform's.

Files lie under CLAW_HOME/media/<session>/<attachment>; the sender's file name never becomes a path.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from django.conf import settings

from bots.channels.base import ChannelAdapter, ChannelError
from bots.work import Work
from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.jitter import jitter
from sessions_app.models import Attachment

FETCH_SECONDS = 60.0
# Between tries, within the time above: what people send is not lost to one bad answer.
PAUSES = (1.0, 3.0, 9.0)


async def fetch_files(work: Work) -> None:
    """Fetch what the message brought; a file that cannot be had is recorded as refused and the turn goes on."""
    if not work.message.files or work.turn is None or work.turn.user_seq is None:
        return
    files = await run_db(_remote_files, work.turn.session_id, work.turn.user_seq)
    await asyncio.gather(*(_fetch_one(work, attachment) for attachment in files))


def _remote_files(session_id: int, seq: int) -> list[Attachment]:
    return list(Attachment.objects.filter(session_id=session_id, message_seq=seq, state=Attachment.State.REMOTE)[:10])


async def _fetch_one(work: Work, attachment: Attachment) -> None:
    adapter = work.channel.adapter
    limit = adapter.capabilities.download_max
    if attachment.size > limit:
        await run_db(_refuse, attachment.pk, f"larger than {limit // 1024 // 1024} MB")
        return
    relative = f"{attachment.session_id}/{attachment.pk}"
    target = settings.MEDIA_ROOT / relative
    try:
        await asyncio.to_thread(target.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        async with asyncio.timeout(FETCH_SECONDS):
            size = await _fetch(adapter, attachment.ref, target, limit=limit)
        digest = await asyncio.to_thread(_digest, target)
        await run_db(_store, attachment.pk, relative, size, digest)
    except (ChannelError, TimeoutError) as error:
        await run_db(_refuse, attachment.pk, str(error) or "took too long")
    except OSError as error:
        error_id = log_unknown(error, where=f"attachment {attachment.pk}")
        await run_db(_refuse, attachment.pk, f"error {error_id}")


async def _fetch(adapter: ChannelAdapter, ref: str, target: Path, *, limit: int) -> int:
    """Fetch a file and return its size, trying again where that may help; ChannelError when it does not."""
    for seconds in PAUSES:
        try:
            return await adapter.fetch(ref, target, limit=limit)
        except ChannelError as error:
            if error.permanent:
                raise
            await asyncio.sleep(jitter(max(seconds, error.retry_after or 0.0)))
    return await adapter.fetch(ref, target, limit=limit)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _store(pk: int, path: str, size: int, digest: str) -> None:
    Attachment.objects.filter(pk=pk).update(
        state=Attachment.State.STORED, path=path, size=size, sha256=digest, error=""
    )


def _refuse(pk: int, reason: str) -> None:
    Attachment.objects.filter(pk=pk).update(state=Attachment.State.REFUSED, error=reason[:200])
