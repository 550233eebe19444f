"""Backups and the copying of the log: how old the last good one is, and what would be lost with this disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

from clawsite.core.metrics import declare
from clawsite.ops.backups import last
from clawsite.ops.shipping.status import shipped

AGE = declare("claw_backup_age_seconds", "Time since the last backup that could be restored was begun.")
SIZE = declare("claw_backup_bytes", "Size of the last backup that could be restored.")
FAILING = declare("claw_backup_failing", "1 while the newest backup has failed.")
LAG = declare(
    "claw_shipping_lag_seconds", "What would be lost with this disk, where the log of the database is copied."
)
WAITING = declare("claw_shipping_waiting_parts", "Parts of the database's log that no store has yet.")


def read_backups() -> dict[str, Any]:
    """Return how backups and copying are. `shipping` is None where the log is not copied."""
    newest, copied = last(), shipped()
    return {
        "age": None if newest.age is None else round(newest.age),
        "size": newest.size,
        "failing": newest.failing,
        "shipping": None if copied is None else {"lag": copied.lag, "waiting": copied.waiting},
    }


def backup_gauges(report: dict[str, Any]) -> Iterator[Metric]:
    """Yield what a scrape shows of them."""
    backups = report.get("backups")
    if backups is None:
        return
    good = backups["age"] is not None
    yield AGE.show([((), backups["age"])] if good else [])
    yield SIZE.show([((), backups["size"])] if good else [])
    yield FAILING.one(bool(backups["failing"]))
    shipping = backups["shipping"]
    known = shipping is not None and shipping["lag"] is not None
    yield LAG.show([((), shipping["lag"])] if known else [])
    yield WAITING.show([] if shipping is None else [((), shipping["waiting"])])
