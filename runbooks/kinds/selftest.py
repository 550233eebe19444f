"""A job that does nothing but tell that it runs: for operators who test the whole path, for measurements and tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from django.utils import timezone
from msgspec import Meta

from runbooks.jobs import JobContext, JobKind, Park


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """How many events, the pause between two of them in seconds, how long each text is,
    how long it waits parked before, and what is given back."""

    events: Annotated[int, Meta(ge=0, le=100_000)] = 3
    pause: Annotated[float, Meta(ge=0, le=3600)] = 0.1
    size: Annotated[int, Meta(ge=0, le=60_000)] = 0
    park: Annotated[float, Meta(ge=0, le=86_400)] = 0.0
    echo: str = ""


def run(ctx: JobContext) -> Any:
    """Emit numbered events, after a wait without a process if one is asked for."""
    given = msgspec.convert(ctx.params, Params)
    if given.park and not ctx.state.get("parked"):
        ctx.save(parked=True)
        return Park(until=timezone.now() + timedelta(seconds=given.park))
    for number in range(1, given.events + 1):
        ctx.check()
        ctx.emit("line", {"n": number, "text": "." * given.size} if given.size else {"n": number})
        if given.pause and number < given.events:
            ctx.wait(given.pause)
    return {"events": given.events, "echo": given.echo, "attempt": ctx.attempt}


SELFTEST = JobKind(
    name="selftest",
    run=run,
    description="Emits numbered events with a pause between them, to test the path from a start to its watchers.",
    seconds=4 * 3600,
    params=Params,
)
