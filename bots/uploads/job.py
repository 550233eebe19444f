"""The job that puts a file into a project: fetches it from the channel, looks at it, commits it, and says so on a card.

It may begin again at any point: the file is fetched again, and the branch moves once.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import msgspec
from django.db import transaction
from msgspec import Meta

from bots.channels.registry import get_adapter
from bots.work import account_of
from clawsite.core import audit
from clawsite.core.errors import BadInput, ClawError, NotFound
from guardrails.types import Actor, Role
from runbooks.jobs import JobContext, JobKind
from runbooks.jobs.working import patiently
from runbooks.models import Job, Upload
from runbooks.workspaces.access import DEVELOPER, access_project
from runbooks.workspaces.archives import is_archive, list_archive
from runbooks.workspaces.turns import take_turn
from runbooks.workspaces.uploads import KIND, MOST_BYTES, check_size, extract, folder_for, place, store
from sessions_app.cards import put_card

CARD = "upload"
LISTED = 20


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """The row of the file, where it goes, whether what is there is replaced, and whether an archive is unpacked."""

    upload: Annotated[int, Meta(ge=1)]
    where: Annotated[str, Meta(max_length=500)] = ""
    overwrite: bool = False
    extract: bool = False
    name: Annotated[str, Meta(max_length=200)] = ""


def run(ctx: JobContext) -> Any:
    """Do it when it is this job's turn; what is refused is told on the card and is no failure of the job."""
    given = msgspec.convert(ctx.params, Params)
    upload = Upload.objects.select_related("project", "channel").filter(pk=given.upload).first()
    if upload is None or upload.session_id != ctx.job.session_id:
        raise NotFound("There is no such file any more.")
    actor = Actor(subject=ctx.job.owner, role=Role.OPERATOR, name=given.name)
    access_project(upload.project.key, actor=actor, session_id=upload.session_id, role=DEVELOPER)
    if (pause := take_turn(ctx, upload.project)) is not None:
        return pause
    told = told_of(upload)
    try:
        told |= _put(ctx, upload, given, actor)
    except FileExistsError as error:
        told |= {"state": Upload.State.EXISTS, "path": str(error), "extract": given.extract}
    except ClawError as error:
        told |= {"state": Upload.State.REFUSED, "error": error.message}
    patiently(lambda: _close(upload, told, actor))
    return told


def told_of(upload: Upload) -> dict[str, Any]:
    """Return what a card says of a file."""
    return {
        "upload": upload.pk, "name": upload.name, "project": upload.project.name, "state": str(upload.state),
        "path": upload.path, "size": upload.size, "sha": "", "error": "", "names": [], "count": 0, "archive": False,
        "extract": False,
    }  # fmt: skip


def _put(ctx: JobContext, upload: Upload, given: Params, actor: Actor) -> dict[str, Any]:
    path = upload.path if given.extract else place(upload, given.where)
    data = asyncio.run(_fetch(upload))
    ctx.check()
    told: dict[str, Any] = {"state": Upload.State.STORED, "path": path, "size": len(data)}
    if given.extract:
        sha = extract(upload, data, path=path, overwrite=given.overwrite, job=ctx.job, actor=actor)
        return told | {"sha": sha or "", "path": folder_for(path)}
    sha = store(upload, data, path=path, overwrite=given.overwrite, job=ctx.job, actor=actor)
    return told | {"sha": sha or ""} | (_listing(data) if is_archive(data) else {})


def _listing(data: bytes) -> dict[str, Any]:
    """Say what is in an archive; one that may not be unpacked stays as it is, and the card says why."""
    try:
        names = list_archive(data)
    except BadInput as error:
        return {"error": error.message}
    return {"archive": True, "count": len(names), "names": [name for name, _ in names[:LISTED]]}


async def _fetch(upload: Upload) -> bytes:
    """Return the bytes of a file, as the channel has them."""
    adapter = get_adapter(upload.channel.kind)(account_of(upload.channel))
    limit = min(MOST_BYTES, adapter.capabilities.download_max)
    check_size(upload.size, limit)
    try:
        await adapter.open()
        with TemporaryDirectory(prefix="claw-upload-") as folder:
            target = Path(folder) / "file"
            await adapter.fetch(upload.ref, target, limit=limit)
            return await asyncio.to_thread(target.read_bytes)
    finally:
        await adapter.close()


def _close(upload: Upload, told: dict[str, Any], actor: Actor) -> None:
    with transaction.atomic():
        if told["state"] == Upload.State.REFUSED:
            ref = upload.project.ref
            audit.record("project.file_refused", actor=actor.subject, subject=ref, name=upload.name, why=told["error"])
        values = {"state": told["state"], "path": told["path"], "archive": told["archive"]}
        Upload.objects.filter(pk=upload.pk).update(**values)
        put_card(f"{CARD}:{upload.pk}", kind=CARD, data=told, session_id=upload.session_id)


def give_up(job: Job) -> None:
    """Tell of a job that ended without an answer of its own. In the transaction that ends it.

    Any program can make a job about a file that somebody sent to another chat.
    """
    upload = Upload.objects.select_related("project").filter(pk=job.params.get("upload", 0)).first()
    if upload is None or upload.session_id != job.session_id or upload.state != Upload.State.STORING:
        return
    upload.state = Upload.State.REFUSED
    upload.save(update_fields=["state"])
    told = told_of(upload) | {"error": job.error or "The job did not end."}
    put_card(f"{CARD}:{upload.pk}", kind=CARD, data=told, session_id=upload.session_id)


FILE_PUT = JobKind(
    name=KIND,
    run=run,
    description="Puts a file that somebody sent to a chat into its project, as a commit.",
    seconds=180,
    params=Params,
    ended=give_up,
)
