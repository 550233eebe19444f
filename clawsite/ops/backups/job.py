"""The job that makes a backup, and the schedule that has it made every day unless an admin says otherwise."""

from __future__ import annotations

from typing import Any

from clawsite.models import Backup
from clawsite.ops.backups.copying import copy_away
from clawsite.ops.backups.making import make_backup
from guardrails.types import Role
from runbooks.jobs import JobContext, JobKind
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Schedule
from runbooks.schedules import save_schedule

KIND = "backup"
SCHEDULE = "Daily backup"
CRON = "17 3 * * *"


def _run(ctx: JobContext) -> dict[str, Any]:
    """Make a backup, unless an earlier attempt of this job did, and copy to other stores what they lack."""

    def note(text: str) -> None:
        ctx.emit("backup", {"text": text})

    if "name" not in ctx.state:
        ctx.save(name=make_backup(reason=ctx.job.requested_by, check=ctx.check, note=note).name)
    copy_away(check=ctx.check, note=note)
    row = Backup.objects.get(name=ctx.state["name"])
    return {"name": row.name, "size": row.size, "sha256": row.sha256, "places": row.places}


BACKUP = JobKind(
    name=KIND,
    run=_run,
    description="Makes an encrypted backup of everything, restores it into a scratch place, and keeps it.",
    seconds=6 * 3600.0,
    role=Role.ADMIN,
)


def ensure_schedule() -> bool:
    """Make the daily schedule when there is none; True when it was made. One that was changed or switched off stays."""
    if Schedule.objects.filter(kind=KIND).exists():
        return False
    row = Schedule(
        name=SCHEDULE,
        description="Made by clawsite. Switch it off instead of deleting it, or it comes back.",
        kind=KIND,
        when=Schedule.When.CRON,
        cron=CRON,
        missed=Schedule.Missed.ONCE,
    )
    save_schedule(row, actor=SYSTEM, audited=False)
    return True
