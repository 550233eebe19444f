"""agent and agent.wait: runs whose end the caller waits for. A run outlives every connection."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import BadInput
from clawsite.gateway.access import no_session, visible_sessions
from clawsite.gateway.errors import GatewayError
from clawsite.gateway.keys import MAIN_KEY, key_for, session_id_of
from clawsite.gateway.methods.chat import RunId, check_agent, store
from clawsite.gateway.overview import AGENT
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from clawsite.gateway.rows import PROVIDER, to_ms
from clawsite.gateway.runs import ABORTED, OK, Run, access_run, replies_of, text_of
from clawsite.gateway.stop import stop_runs
from clawsite.gateway.telling import now_ms
from clawsite.gateway.uploads import Attached
from clawsite.gateway.waiting import wait_for_end
from clawsite.rpc import codes
from sessions_app.models import Session, Turn
from sessions_app.sessions import find_session as find_place

DEFAULT_SECONDS = 600
MAX_SECONDS = 24 * 3600
# Each call says itself how long it waits.
LONGEST = MAX_SECONDS + 60.0
# What session_id_of makes.
_OURS = re.compile(r"([0-9]{1,18})-[0-9]{1,9}")


class AgentParams(Params):
    """`timeout` is seconds. What a chat has no use for is taken and has no effect."""

    message: str
    idempotency_key: RunId
    session_key: str = ""
    session_id: str = ""
    agent_id: str = AGENT
    attachments: list[Attached] | None = None
    timeout: Annotated[int, msgspec.Meta(ge=0, le=MAX_SECONDS)] = DEFAULT_SECONDS
    deliver: bool | None = None
    best_effort_deliver: bool | None = None
    thinking: str | None = None
    lane: str | None = None
    label: str | None = None
    channel: str | None = None
    reply_channel: str | None = None
    cleanup_bundle_mcp_on_run_end: bool | None = None


class WaitParams(Params):
    """A run of the caller's, by the idempotency key that began it."""

    run_id: RunId
    timeout_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_SECONDS * 1000)] = 30_000


@method(
    "agent",
    scope=Scope.WRITE,
    summary="Run a message and wait for the answer; answers twice.",
    params=AgentParams,
    seconds=LONGEST,
    waits=True,
)
async def agent(call: Call, params: AgentParams) -> dict[str, Any]:
    """Say `accepted` once the message is stored, then answer with the end of its run."""
    check_agent(params.agent_id)
    if params.deliver and (params.channel or params.reply_channel) not in (None, "", "gateway", "webchat"):
        raise BadInput("agent answers over the gateway; use send to write to a chat of another channel")
    key = params.session_key or await run_db(_key_of, call.principal, params.session_id)
    stored = await store(call, key, params.idempotency_key, params.message, params.attachments)
    run, session = stored.run, stored.session
    call.respond(
        {
            "runId": run.run_id,
            "sessionKey": key_for(call.principal.owner, session),
            "agentId": AGENT,
            "status": "accepted",
            "acceptedAt": now_ms(),
        }
    )
    ended = await wait_for_end(run, session_id=session.pk, seconds=params.timeout or DEFAULT_SECONDS)
    if not ended.has_ended:
        await run_tx(stop_runs, session, actor=call.principal.owner, only=run.inbox_id)
        raise _failed(run, f"the run took longer than {params.timeout or DEFAULT_SECONDS} seconds and was stopped")
    return await run_db(_result, ended, session)


def _key_of(principal: Principal, session_id: str) -> str:
    """Return the key of the session that a session id names, or of the caller's own that is called so.

    The main one without any. NotAllowed for an id of ours that names none, or none that the caller may see.
    """
    if not session_id:
        return MAIN_KEY
    found = _OURS.fullmatch(session_id)
    if found is None:
        return session_id
    session = visible_sessions(principal).filter(pk=int(found[1])).first()
    if session is None:
        raise no_session(session_id)
    return key_for(principal.owner, session)


def _failed(run: Run, problem: str) -> GatewayError:
    payload = {"runId": run.run_id, "status": "error", "summary": problem}
    return GatewayError(codes.UNAVAILABLE, problem, payload=payload)


def _result(run: Run, session: Session) -> dict[str, Any]:
    """Return the second answer of agent; GatewayError with a payload for a run that failed or was stopped."""
    replies = replies_of(run)
    if run.state != OK:
        raise _failed(run, "aborted" if run.state == ABORTED else text_of(replies) or f"the run failed ({run.error})")
    began, ended = to_ms(run.received_at) or 0, to_ms(run.ended_at) or 0
    meta: dict[str, Any] = {"durationMs": max(0, ended - began), "agentMeta": _meta(run, session)}
    payloads = [{"text": reply.text, "mediaUrl": None} for reply in replies]
    return {
        "runId": run.run_id,
        "status": "ok",
        "summary": "completed",
        "result": {"payloads": payloads, "meta": meta},
    }


def _meta(run: Run, session: Session) -> dict[str, Any]:
    meta: dict[str, Any] = {"sessionId": session_id_of(session)}
    turn = Turn.objects.filter(pk=run.turn_id).first() if run.turn_id else None
    if turn is not None and turn.model:
        usage = {"input": turn.input_tokens, "output": turn.output_tokens, "cacheRead": turn.cached_tokens}
        usage["total"] = sum(usage.values())
        meta |= {"provider": PROVIDER, "model": turn.model, "usage": usage}
    return meta


@method(
    "agent.wait",
    scope=Scope.WRITE,
    summary="Wait for the end of a run.",
    params=WaitParams,
    seconds=LONGEST,
    waits=True,
)
async def wait(call: Call, params: WaitParams) -> dict[str, Any]:
    """Answer when the run has ended, or `timeout` after so long; after a restart too."""
    run, session_id = await run_db(_find, call.principal, params.run_id)
    run = await wait_for_end(run, session_id=session_id, seconds=params.timeout_ms / 1000)
    answer: dict[str, Any] = {"runId": params.run_id, "status": "timeout"}
    if run.started_at is not None:
        answer["startedAt"] = to_ms(run.started_at)
    if run.has_ended:
        answer |= {"status": "ok" if run.state == OK else "error", "endedAt": to_ms(run.ended_at)}
    else:
        answer["state"] = run.state
    if run.has_ended and run.state != OK:
        answer["error"] = "aborted" if run.state == ABORTED else run.error
    return answer


def _find(principal: Principal, run_id: str) -> tuple[Run, int]:
    run = access_run(principal, run_id)
    channel_id, chat_id, thread_id = run.place
    session = find_place(channel_id, chat_id=chat_id, thread_id=thread_id)
    return run, session.pk if session is not None else 0
