"""logs.tail: the end of the log file of this machine, for who sees all, because logs concern everybody.

The cursor is a place in the file in bytes. A place that is no beginning of a line is one of a file that was replaced.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
from django.conf import settings

from clawsite.core.errors import NotConfigured
from clawsite.core.redaction import redact
from clawsite.gateway.errors import check_sees_all
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method

LINES = 500
BYTES = 250_000


class LogsTailParams(Params):
    """cursor: where the last answer ended."""

    cursor: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=5000)] = LINES
    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = BYTES


@method("logs.tail", scope=Scope.READ, summary="The latest log lines, for who sees all.", params=LogsTailParams)
async def tail_logs(call: Call, params: LogsTailParams) -> dict[str, Any]:
    """Read in a thread. Secrets were removed when the lines were written and are looked for once more."""
    check_sees_all(call.principal)
    if not settings.CLAW_LOG_BYTES:
        raise NotConfigured("No log file is written here: CLAW_LOG_BYTES is 0.")
    path = settings.CLAW_LOG_FILE
    return await asyncio.to_thread(tail, path, cursor=params.cursor, limit=params.limit, most=params.max_bytes)


def tail(path: Path, *, cursor: int | None, limit: int, most: int) -> dict[str, Any]:
    """Return the lines after the cursor, or the last ones; of what is more than `most` bytes only the end."""
    answer = {"file": str(path), "cursor": 0, "size": 0, "lines": [], "truncated": False, "reset": False}
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return answer | {"reset": bool(cursor)}
    with file:
        size = file.seek(0, 2)
        known = cursor is not None and cursor <= size and _begins_line(file, cursor)
        wanted = cursor if known and cursor is not None else 0
        start = max(wanted, size - most)
        data = _read_lines(file, start, size)
    lines = data.decode(errors="replace").splitlines()
    answer |= {"cursor": size, "size": size, "reset": cursor is not None and not known}
    answer |= {"lines": [redact(line) for line in lines[-limit:]], "truncated": start > wanted or len(lines) > limit}
    return answer | {"skippedBytes": start - wanted} if known and start > wanted else answer


def _begins_line(file: BinaryIO, place: int) -> bool:
    file.seek(max(0, place - 1))
    return place == 0 or file.read(1) == b"\n"


def _read_lines(file: BinaryIO, start: int, end: int) -> bytes:
    """Return the whole lines between two places; one that began before is left out."""
    whole = _begins_line(file, start)
    file.seek(start)
    data = file.read(end - start)
    return data if whole else data.partition(b"\n")[2]
