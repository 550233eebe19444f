"""system.dump: a look into the running roles of this machine, for those who hold all rights. Each one is audited."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from clawsite.core import audit
from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import BadInput
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from clawsite.ops.dumps import MOST_SECONDS, Wanted, ask
from clawsite.ops.running import running_roles

Kind = Literal["tasks", "threads", "memory", "sockets", "profile"]
PROFILE_SECONDS = 5.0


class Dump(Params):
    """kind: what to look at; role: whom, all unless given; seconds: how long a profile or memory is watched."""

    kind: Kind
    role: Annotated[str, Meta(max_length=16)] = ""
    seconds: Annotated[float, Meta(ge=0, le=MOST_SECONDS)] | None = None


@method(
    "system.dump",
    scope=Scope.ADMIN,
    summary="Tasks, threads, memory, sockets or a profile of the running roles of this machine.",
    params=Dump,
    seconds=MOST_SECONDS + 20,
)
async def dump(call: Call, params: Dump) -> dict[str, Any]:
    """Ask the processes and answer with what they wrote; who did not answer in time is named."""
    seconds = params.seconds if params.seconds is not None else PROFILE_SECONDS if params.kind == "profile" else 0.0
    pids = await run_db(_find, params.role)
    await run_tx(_record, params.kind, params.role, principal=call.principal)
    found, missing = await ask(Wanted(kind=params.kind, pids=pids, seconds=seconds))
    return {"dumps": found, "silent": missing}


def _find(role: str) -> tuple[int, ...]:
    running = running_roles()
    if role and role not in running:
        raise BadInput(f"No such role runs on this machine. These do: {', '.join(sorted(running)) or 'none'}.")
    return tuple(row.pid for name, rows in running.items() for row in rows if role in ("", name))


def _record(kind: str, role: str, *, principal: Principal) -> None:
    audit.record("system.dump", actor=principal.subject, subject=role or "all", origin="gateway", kind=kind)
