"""What is said of a run and of a session while somebody follows it. Pure: values in, payloads of events out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clawsite.gateway.history import show_message
from clawsite.gateway.overview import AGENT
from clawsite.gateway.rows import to_ms
from clawsite.gateway.runs import ABORTED, ERROR, WAITING, Run
from sessions_app.models import Message


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One event, without the session's key, which depends on who hears it. `to_watchers`: to who watches sessions."""

    event: str
    payload: dict[str, Any]
    droppable: bool = False
    to_watchers: bool = False


@dataclass(kw_only=True, slots=True)
class Told:
    """What the followers of a session were told of one run so far. Each run counts its events from 1."""

    run_id: str
    turn_id: int | None = None
    seq: int = 0
    text: str = ""
    attempt: int = 0
    started: bool = False
    parked: bool = False

    def chat(self, state: str, *, droppable: bool = False, **fields: Any) -> Notice:
        """Return the next chat event."""
        payload = {"runId": self.run_id, "agentId": AGENT, "seq": self._next(), "state": state, **fields}
        return Notice(event="chat", payload=payload, droppable=droppable)

    def agent(self, stream: str, data: Mapping[str, Any], *, droppable: bool = False) -> Notice:
        """Return the next agent event."""
        payload: dict[str, Any] = {"runId": self.run_id, "agentId": AGENT, "stream": stream, "data": data}
        payload |= {"seq": self._next(), "ts": now_ms()}
        return Notice(event="agent", payload=payload, droppable=droppable)

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    # --- what happens to a run -------------------------------------------------------------------------------------
    def begin(self, run: Run) -> list[Notice]:
        """A turn has begun, or waits for a decision; each is said once."""
        self.turn_id = run.turn_id
        said = []
        if run.turn_id is not None and not self.started:
            self.started = True
            said.append(self.agent("lifecycle", {"phase": "start", "startedAt": to_ms(run.started_at)}))
        if run.state == WAITING and not self.parked:
            said += [
                self.agent("lifecycle", {"phase": "waiting_approval"}),
                self.chat("status", phase="waiting_approval"),
            ]
        self.parked = run.state == WAITING
        return said

    def grow(self, text: str, *, attempt: int) -> list[Notice]:
        """The answer has grown to `text`; a new attempt, or one that was changed by a guard, replaces what was."""
        if text == self.text:
            return []
        begun = attempt == self.attempt and text.startswith(self.text)
        delta = text[len(self.text) :] if begun else text
        replace: dict[str, Any] = {} if begun or not self.text else {"replace": True}
        self.text, self.attempt = text, attempt
        return [
            self.agent("assistant", {"text": text, "delta": delta, **replace}, droppable=True),
            self.chat("delta", droppable=True, deltaText=delta, message=say(text), **replace),
        ]

    def end(self, run: Run, answers: list[Message]) -> list[Notice]:
        """The run has ended with these messages."""
        times = {"startedAt": to_ms(run.started_at), "endedAt": to_ms(run.ended_at)}
        text = "\n\n".join(row.text for row in answers if row.text.strip())
        if run.state == ERROR:
            problem = text or f"The run failed ({run.error})."
            return [
                self.agent("lifecycle", {"phase": "error", "error": problem, **times}),
                self.chat("error", errorMessage=problem, errorKind="unknown"),
            ]
        if run.state == ABORTED:
            partial: dict[str, Any] = {"message": say(text or self.text)} if text or self.text else {}
            return [
                self.agent("lifecycle", {"phase": "end", "aborted": True, "stopReason": "aborted", **times}),
                self.chat("aborted", stopReason="aborted", **partial),
            ]
        message: dict[str, Any] = {"message": answer_of(answers, text)} if text else {}
        return [
            self.agent("lifecycle", {"phase": "end", "aborted": False, "stopReason": "stop", **times}),
            self.chat("final", stopReason="stop", **message),
        ]


def answer_of(answers: list[Message], text: str) -> dict[str, Any]:
    """Return an answer as one message, with the number of its last row, after which a client may read on."""
    return say(text, at=to_ms(answers[-1].created_at)) | {
        "__openclaw": {"id": str(answers[-1].pk), "seq": answers[-1].seq}
    }


def say(text: str, *, at: int | None = None) -> dict[str, Any]:
    """Return a text of the bot as a message."""
    return {"role": "assistant", "content": [{"type": "text", "text": text}], "timestamp": at or now_ms()}


def notice_of(row: Message) -> Notice:
    """Return what the bot said of itself, such as a question for approval: a run of its own that has ended."""
    told = Told(run_id=f"message:{row.pk}")
    return told.chat("final", message=show_message(row))


def message_of(row: Message, session_row: Mapping[str, Any]) -> Notice:
    """Return the notice of one new message for those who watch."""
    payload = {
        "agentId": AGENT,
        "message": show_message(row),
        "messageId": str(row.pk),
        "messageSeq": row.seq,
        "session": session_row,
        "updatedAt": session_row.get("updatedAt"),
        "sessionId": session_row.get("sessionId"),
    }
    return Notice(event="session.message", payload=payload, to_watchers=True)


def changed(reason: str, session_row: Mapping[str, Any] | None) -> Notice:
    """Return the notice that a session is not what it was."""
    payload: dict[str, Any] = {"agentId": AGENT, "reason": reason, "ts": now_ms()}
    if session_row is not None:
        payload |= {
            "session": session_row,
            "label": session_row.get("label"),
            "displayName": session_row.get("displayName"),
            "updatedAt": session_row.get("updatedAt"),
            "sessionId": session_row.get("sessionId"),
            "hasActiveRun": session_row.get("hasActiveRun"),
        }
    return Notice(event="sessions.changed", payload=payload, to_watchers=True)


def now_ms() -> int:
    """Return the time as the wire has it."""
    return int(time.time() * 1000)
