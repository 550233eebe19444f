"""The job that makes a silence in a system's Alertmanager, or ends it there."""

from __future__ import annotations

from typing import Any

import msgspec

from runbooks.alerts.silencing import KIND, carry_out, give_up
from runbooks.jobs import JobContext, JobKind


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """The id of the silence's row."""

    silence: int


def run(ctx: JobContext) -> dict[str, Any]:
    """Do what the row wants, and say what became of it."""
    return {"state": carry_out(ctx.params["silence"])}


ALERT_SILENCE = JobKind(
    name=KIND,
    run=run,
    description="Makes a silence in Alertmanager that somebody asked for in a chat, or ends it.",
    seconds=60,
    params=Params,
    ended=give_up,
)
