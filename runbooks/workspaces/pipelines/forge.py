"""What every forge offers, and how its things are named. Clients talk to the network only, never to rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from clawsite.core.errors import BadInput
from runbooks.workspaces.pipelines.values import PipelineInfo

_ID = re.compile(r"[0-9]{1,20}")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+@-]{0,199}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a repository is and with what to ask there. `workflow` names what `start` starts, where that is needed."""

    kind: str
    api_url: str
    repository: str
    token: str = field(default="", repr=False)
    workflow: str = ""


class Forge(Protocol):
    """Pipelines of one repository. Everything raises a ClawError that says what is wrong."""

    async def list(self, *, limit: int = 10) -> Sequence[PipelineInfo]:
        """Return the newest ones first, without their stages."""

    async def get(self, pipeline_id: str) -> PipelineInfo:
        """Return one with its stages."""

    async def start(self, ref: str) -> PipelineInfo | None:
        """Start one for the newest commit of a branch; None when it was started but is not to be seen yet."""

    async def cancel(self, pipeline_id: str) -> None:
        """Have one end. One that is over stays as it is."""

    async def retry(self, pipeline_id: str) -> None:
        """Run again what has failed, or everything when nothing has."""

    async def approve_job(self, pipeline_id: str, job_id: str = "") -> str:
        """Let go on what waits for a person, one job or all; return the names of it."""


def check_id(text: str) -> str:
    """Return the number of a pipeline or job; BadInput for anything else, which could be another path."""
    if not _ID.fullmatch(text):
        raise BadInput("This is not the number of a pipeline.")
    return text


def check_ref(text: str) -> str:
    """Return the name of a branch or tag; BadInput for what cannot be one."""
    if not _REF.fullmatch(text) or ".." in text or "@{" in text or text.endswith((".", "/", ".lock")):
        raise BadInput("This cannot be the name of a branch.")
    return text
