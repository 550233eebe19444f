"""Pipelines in chats: one message that changes in place, a new one at a failure or the end, and other news of forges.

Names, branches and titles come from outside: plain text, in one line each. Addresses are shown in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from bots.cards.registry import CardView
from bots.channels.base import Button, OutboundMessage
from bots.commands.base import command_button
from bots.commands.figures import show_seconds
from bots.commands.pipeline_words import SEEN
from bots.reasons import say_reason

Data = Mapping[str, Any]
MARKS = {
    "queued": "⬜",
    "running": "🔄",
    "waiting": "⏸",
    "succeeded": "✅",
    "failed": "❌",
    "cancelled": "⏹",
    "skipped": "⏭",
}
OVER = ("succeeded", "failed", "cancelled", "skipped")
TITLE_CHARS = 60


def render(data: Data, view: CardView) -> OutboundMessage:
    """Return the message of a pipeline as it stands."""
    lines = [headline(data), *_about(data), *_stages(data)]
    return OutboundMessage(text="\n".join(lines), plain=True, buttons=_buttons(data))


def render_end(data: Data, view: CardView) -> OutboundMessage:
    """Return the message that tells of an outcome; it rings."""
    failed = [stage["name"] for stage in data["stages"] if stage["state"] == "failed"]
    where = [_("Failed: {names}").format(names=", ".join(failed[:5]))] if failed else []
    text = "\n".join([f"{MARKS[data['outcome']]} {_end_line(data)}", *where, *_failure(data), *_url(data)])
    return OutboundMessage(text=text, plain=True, buttons=_buttons(data))


def render_change(data: Data, view: CardView) -> OutboundMessage:
    """Return the message of a new change request."""
    words = _("{project}: new change request {id} by {by}") if data["by"] else _("{project}: new change request {id}")
    draft = " (" + _("draft") + ")" if data["draft"] else ""
    branches = [f"{data['source']} → {data['target']}"] if data["source"] and data["target"] else []
    head = "🔀 " + words.format(project=data["project"], id=data["id"], by=data["by"]) + draft
    return OutboundMessage(text="\n".join([head, data["title"], *branches, *_url(data)]), plain=True)


def render_deploy(data: Data, view: CardView) -> OutboundMessage:
    """Return the message of a deploy that the forge does."""
    words = {
        "succeeded": _("deployed to {environment}"),
        "failed": _("the deploy to {environment} has failed"),
        "cancelled": _("the deploy to {environment} was cancelled"),
        "skipped": _("{environment} is not in use any more"),
        "waiting": _("the deploy to {environment} waits for a person"),
        "queued": _("is about to be deployed to {environment}"),
        "running": _("is being deployed to {environment}"),
    }[data["state"]]
    head = f"{MARKS[data['state']]} {data['project']}: {words.format(environment=data['environment'])}"
    return OutboundMessage(text="\n".join([head, *_about(data), *_url(data)]), plain=True)


def render_answer(data: Data, view: CardView) -> OutboundMessage:
    """Return the message that says what came of an order that shows no pipeline."""
    if data["state"] == "started":
        text = _("{project}: a pipeline for {ref} was started. It is shown as soon as the forge reports it.")
        return OutboundMessage(text="✅ " + text.format(project=data["project"], ref=data["ref"]), plain=True)
    words = {
        "start": _("{project}: no pipeline was started."),
        "cancel": _("{project}: pipeline {pipeline} was not cancelled."),
        "retry": _("{project}: pipeline {pipeline} was not run again."),
        "approve": _("{project}: nothing of pipeline {pipeline} was approved."),
    }[data["verb"]]
    head = "❌ " + words.format(project=data["project"], pipeline=data["pipeline"])
    return OutboundMessage(text="\n".join([head, *([say_reason(data["error"])] if data["error"] else [])]), plain=True)


def headline(data: Data) -> str:
    """Say in one line which pipeline it is and how it stands."""
    attempt = " · " + _("attempt {number}").format(number=data["attempt"]) if data["attempt"] > 1 else ""
    return f"{MARKS[data['state']]} {_title(data)} · {_word(data['state'])}{attempt}"


def _title(data: Data) -> str:
    name = f" {data['name'][:TITLE_CHARS]}" if data["name"] else ""
    return _("{project}: pipeline {id}").format(project=data["project"], id=data["id"]) + name


def _word(state: str) -> str:
    return {
        "queued": _("queued"),
        "running": _("at work"),
        "waiting": _("waits for a person"),
        "succeeded": _("done"),
        "failed": _("failed"),
        "cancelled": _("cancelled"),
        "skipped": _("skipped"),
    }[state]


def _end_line(data: Data) -> str:
    took = _took(data) if data["state"] in OVER else ""
    return f"{_title(data)} · {_word(data['outcome'])}{took}"


def _took(data: Data) -> str:
    if not data["started_at"] or not data["ended_at"]:
        return ""
    spent = datetime.fromisoformat(data["ended_at"]) - datetime.fromisoformat(data["started_at"])
    seconds = int(spent.total_seconds())
    if seconds < 0:
        return ""
    minutes = f"{seconds // 60} " + _("min") + " " if seconds >= 60 else ""
    return f" ({minutes}{show_seconds(seconds % 60)})"


def _about(data: Data) -> list[str]:
    """Say of which branch and commit it is, and by whom."""
    parts = [part for part in (data["ref"], data["commit"], data["by"]) if part]
    return [" · ".join(parts)] if parts else []


def _stages(data: Data) -> list[str]:
    lines = [_stage(stage) for stage in data["stages"]]
    more = [_("… and {count} more").format(count=data["more"])] if data["more"] else []
    return ["", *lines, *more] if lines else []


def _stage(stage: Data) -> str:
    count = f" {stage['done']}/{stage['jobs']}" if stage["jobs"] > 1 and stage["state"] == "running" else ""
    time = f" ({show_seconds(stage['seconds'])})" if stage["seconds"] is not None and stage["state"] in OVER else ""
    failed = f" — {', '.join(stage['failed'])}" if stage["failed"] else ""
    return f"{MARKS[stage['state']]} {stage['name']}{count}{time}{failed}"


def _buttons(data: Data) -> tuple[tuple[Button, ...], ...]:
    """Offer what can be done now. What was only told of from outside can only be looked at."""
    if data["provider"] == "generic":
        return ()
    number = str(data["id"])
    if data["state"] in OVER:
        row = [command_button("🔁 " + _("Run again"), "pipeline", f"retry {number}")]
    else:
        waits = data["state"] == "waiting" or any(stage["state"] == "waiting" for stage in data["stages"])
        seen = f" {SEEN}{data['waits']}" if data.get("waits") else ""
        approve = command_button("▶ " + _("Approve"), "pipeline", f"approve {number}{seen}") if waits else None
        row = [approve, command_button("⏹ " + _("Cancel"), "cancel_pipeline", number)]
    buttons = tuple(button for button in row if button is not None)
    return (buttons,) if buttons else ()


def _failure(data: Data) -> list[str]:
    """Say why one that runs here has failed, with the last lines it printed."""
    return [*([say_reason(data["error"])] if data["error"] else []), *(f"> {line}" for line in data["output"])]


def _url(data: Data) -> list[str]:
    return [data["url"]] if data["url"] else []
