"""A payload of the wire as a kind of job, and what of the wire is refused because it would have no effect here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clawsite.core.errors import BadInput
from clawsite.gateway.overview import AGENT
from clawsite.gateway.scheduled.kinds import AGENT_TURN, SYSTEM_EVENT
from clawsite.gateway.scheduled.params import ISOLATED, MAIN

JOB_PAYLOAD = "job"
WIRE_KINDS = {"systemEvent": SYSTEM_EVENT, "agentTurn": AGENT_TURN}
# What says what is done, and in whose session: to change it is to put words into the owner's mouth.
WORDS = frozenset({"payload", "sessionTarget", "sessionKey", "delivery"})
# What the wire has, and what we have instead.
_NO_MODEL = "the model is the session's: sessions.patch sets it"
_NO_DELIVER = "use delivery, beside the payload"
REFUSED = {
    "failureAlert": "cron.runs and the admin pages tell what failed",
    "trigger": "payloads do not depend on scripts",
    "pacing": "the schedule alone says when",
}
REFUSED_IN_PAYLOAD = {
    "model": _NO_MODEL,
    "fallbacks": _NO_MODEL,
    "thinking": _NO_MODEL,
    "lightContext": "use sessionTarget isolated for a conversation without the others' history",
    "toolsAllow": "the tools are those of the owner's role",
    "deliver": _NO_DELIVER,
    "channel": _NO_DELIVER,
    "to": _NO_DELIVER,
    "bestEffortDeliver": _NO_DELIVER,
}
REFUSED_IN_DELIVERY = {
    "failureDestination": REFUSED["failureAlert"],
    "completionDestination": "an answer is told in one place",
}


def check_supported(given: Mapping[str, Any]) -> None:
    """Raise BadInput for a field beside the payload that would have no effect."""
    _check_not_given(given, REFUSED)
    if given.get("agentId") not in (None, "", AGENT):
        raise BadInput(f"unknown agent id {str(given['agentId'])[:64]!r}: there is one agent, {AGENT!r}")


def job_of(source: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the kind of job and the parameters of a payload."""
    payload = mapping_of(source.get("payload"), "payload")
    name = str(payload.get("kind"))[:32]
    delivery = _delivery_of(source)
    if name == JOB_PAYLOAD:
        if delivery:
            raise BadInput("the result of a job is not delivered: leave delivery out, and read it with jobs.result")
        return str(payload.get("job", ""))[:64], dict(mapping_of(payload.get("params", {}), "payload.params"))
    if name not in WIRE_KINDS:
        able = ", ".join([*WIRE_KINDS, JOB_PAYLOAD])
        raise BadInput(f"payloads of kind {name!r} are not supported here; there are: {able}")
    if delivery and WIRE_KINDS[name] == SYSTEM_EVENT:
        raise BadInput("a systemEvent has no answer to deliver: use agentTurn")
    _check_not_given(payload, REFUSED_IN_PAYLOAD, within="payload.")
    told = {"payload": _given_in(payload), "sessionTarget": target_of(source), "delivery": delivery}
    return WIRE_KINDS[name], _given_in(told | {"sessionKey": source.get("sessionKey")})


def target_of(source: Mapping[str, Any]) -> Any:
    """Return the session that is meant, by default what suits the payload."""
    events = (source.get("payload") or {}).get("kind") == "systemEvent"
    return source.get("sessionTarget") or (MAIN if events else ISOLATED)


def _delivery_of(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return where an answer is to be told, empty for nowhere."""
    given = mapping_of(source.get("delivery") or {}, "delivery")
    mode = given.get("mode") or "none"
    if mode not in ("none", "announce"):
        raise BadInput(f"delivery.mode {str(mode)[:32]!r} is not supported here; use none or announce")
    _check_not_given(given, REFUSED_IN_DELIVERY, within="delivery.")
    thread = given.get("threadId")
    told = _given_in(given) | ({"threadId": str(thread)} if isinstance(thread, int) else {})
    return told if mode == "announce" else {}


def _given_in(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that say something: programs send many that do not."""
    return {name: value for name, value in fields.items() if not _says_nothing(value)}


def _says_nothing(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def _check_not_given(fields: Mapping[str, Any], refused: Mapping[str, str], *, within: str = "") -> None:
    for name, instead in refused.items():
        if not _says_nothing(fields.get(name)):
            raise BadInput(f"{within}{name} is not supported here: {instead}")


def mapping_of(value: Any, name: str) -> Mapping[str, Any]:
    """Return an object of the wire; BadInput names what is none."""
    if not isinstance(value, dict):
        raise BadInput(f"{name} must be an object")
    return value
