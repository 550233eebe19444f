"""The events there are: what each tells, to whom, and what its payload holds. The handshake and METHODS.md list them.

Events are lossy notices: rows are the truth, and whoever missed one reads anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clawsite.gateway.principal import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class EventKind:
    """One kind of event. `fields` says what each field of the payload is; a name with ? may be missing."""

    name: str
    summary: str
    fields: Mapping[str, str]
    scope: Scope | None = None


EVENT_KINDS = (
    EventKind(
        name="connect.challenge",
        summary="The first frame of a connection. A device signs the nonce.",
        fields={"nonce": "string", "ts": "milliseconds"},
    ),
    EventKind(name="tick", summary="A sign of life every 30 seconds.", fields={"ts": "milliseconds"}),
    EventKind(
        name="shutdown",
        summary="The gateway restarts; the socket closes with 1012.",
        fields={"reason": "string", "restartExpectedMs": "milliseconds until it is back"},
    ),
    EventKind(
        name="presence",
        summary="Programs came or went, at most once a second.",
        fields={"presence": "list of what system-presence answers"},
    ),
    EventKind(
        name="chat",
        summary="An answer as it is written, in the sessions that a connection follows. Deltas may be missing.",
        scope=Scope.READ,
        fields={
            "runId": "string",
            "sessionKey": "string",
            "seq": "counts the events of a run from 1",
            "state": "status, delta, final, aborted or error",
            "deltaText?": "what was added; with `replace` it is everything",
            "message?": "{role, content: [{type, text}], timestamp}; in a delta everything so far",
            "errorMessage?": "string",
        },
    ),
    EventKind(
        name="agent",
        summary="What a run does, in the sessions that a connection follows.",
        scope=Scope.READ,
        fields={
            "runId": "string",
            "sessionKey": "string",
            "seq": "counts the events of a run from 1",
            "stream": "lifecycle or assistant",
            "ts": "milliseconds",
            "data": "lifecycle: {phase}; assistant: {text, delta, replace?}",
        },
    ),
    EventKind(
        name="session.message",
        summary="A new message in a session that a connection follows; after sessions.subscribe, in any it may see.",
        scope=Scope.READ,
        fields={
            "sessionKey": "string",
            "message": "as in chat.history",
            "messageId": "string",
            "messageSeq": "integer",
            "session": "as in sessions.list",
        },
    ),
    EventKind(
        name="sessions.changed",
        summary="A session that a connection follows is not what it was; after sessions.subscribe, any it may see.",
        scope=Scope.READ,
        fields={"sessionKey": "string", "reason": "string", "ts": "milliseconds", "session?": "as in sessions.list"},
    ),
    EventKind(
        name="exec.approval.requested",
        summary="Somebody has to decide something.",
        scope=Scope.APPROVALS,
        fields={
            "id": "string, for approvals.decide and exec.approval.resolve",
            "request": "{command, sessionKey, host, agentId, kind}",
            "createdAtMs": "milliseconds",
            "expiresAtMs": "milliseconds",
        },
    ),
    EventKind(
        name="exec.approval.resolved",
        summary="A request was decided, or nobody did in time.",
        scope=Scope.APPROVALS,
        fields={
            "id": "string",
            "decision": "allow-once, deny or null",
            "resolvedBy": "string or null",
            "ts": "milliseconds",
        },
    ),
    EventKind(
        name="cron",
        summary="A schedule was changed, to who sees everybody's; its job began or ended, to its owner, too.",
        scope=Scope.READ,
        fields={
            "jobId": "string, the schedule's",
            "action": "added, updated, removed, started or finished",
            "nextRunAtMs?": "milliseconds",
            "runId?": "string, the job's, once started",
            "status?": "ok, error or skipped, once finished",
            "error?": "string",
            "summary?": "string, the beginning of an answer",
            "runAtMs?": "milliseconds",
            "durationMs?": "milliseconds",
            "ts?": "milliseconds",
        },
    ),
    EventKind(
        name="device.pair.requested",
        summary="A program that nobody knows yet wants to be let in, or one that is known wants more.",
        scope=Scope.PAIRING,
        fields={
            "requestId": "string, for device.pair.approve and manage.py pair",
            "deviceId": "string",
            "publicKey": "string",
            "displayName?": "string",
            "platform?": "string",
            "role": "string",
            "roles": "list of strings",
            "scopes": "list of strings",
            "remoteIp?": "string",
            "ts": "milliseconds",
        },
    ),
    EventKind(
        name="device.pair.resolved",
        summary="What a device asked for was decided.",
        scope=Scope.PAIRING,
        fields={
            "requestId": "string",
            "deviceId": "string",
            "decision": "approved or rejected",
            "ts": "milliseconds",
        },
    ),
    EventKind(
        name="device.pair.changed",
        summary="A device that is known was changed.",
        scope=Scope.PAIRING,
        fields={"deviceId": "string", "change": "renamed, blocked or removed", "ts": "milliseconds"},
    ),
    EventKind(
        name="job",
        summary="What happens in a job, each event once and in order, to who called jobs.subscribe. The last is `end`.",
        scope=Scope.READ,
        fields={"jobId": "string", "seq": "integer", "kind": "string", "data": "object", "ts": "milliseconds"},
    ),
)
EVENTS = tuple(each.name for each in EVENT_KINDS)
