"""The cards of a run: its progress in one message that changes in place, and a new message at its end.

Everything is plain text: titles are what operators wrote, outputs are from outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from bots.cards.registry import CardView
from bots.channels.base import Button, OutboundMessage
from bots.commands.base import command_button
from bots.commands.figures import show_seconds
from bots.reasons import say_reason

MARKS = {"ok": "✅", "failed": "❌", "started": "⏳", "waiting": "⏸", "skipped": "⏭", "": "⬜"}
OVER = {"succeeded": "✅", "failed": "❌", "cancelled": "⏹", "timed_out": "⌛"}
SHOWN_STEPS = 25
OUTPUT_LINES = 4
LINE_CHARS = 120


def render(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message of a run as it stands."""
    lines = [_headline(data), *_parameters(data), ""]
    lines += _dry(data["steps"]) if data["dry_run"] else _steps(data["steps"], over=data["state"] in OVER)
    if data["undo"]:
        lines += ["", _("Undoing:"), *_steps(data["undo"], over=data["state"] in OVER)]
    lines += _output(data) + _end(data)
    return OutboundMessage(text="\n".join(lines), plain=True, buttons=_buttons(data))


def render_end(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message that says how a run ended."""
    mark = "⚠️" if data["state"] == "succeeded" and data["done"] < data["count"] else OVER.get(data["state"], "")
    said = [
        f"{mark} {end_line(data)}",
        *([say_reason(data["error"])] if data["error"] else []),
        *_rollback(data, data["done"]),
    ]
    return OutboundMessage(text="\n".join(said), plain=True)


def render_message(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return what a step of the kind `message` says."""
    return OutboundMessage(text=f"{data['title']}: {data['text']}", plain=True)


def end_line(data: Mapping[str, Any]) -> str:
    """Say how a run ended, in one line."""
    words = {
        "succeeded": _("{title} is done: {done} of {count} steps in {seconds} s."),
        "failed": _("{title} has failed after {done} of {count} steps."),
        "cancelled": _("{title} was cancelled after {done} of {count} steps."),
        "timed_out": _("The time of {title} was over after {done} of {count} steps."),
    }[data["state"]]
    return words.format(title=data["title"], done=data["done"], count=data["count"], seconds=f"{data['seconds']:g}")


def _headline(data: Mapping[str, Any]) -> str:
    mark = OVER.get(data["state"], "🔄")
    name = data["title"] if data["target"] in ("", data["name"]) else f"{data['title']} · {data['target']}"
    head = _("{name} · run {run} · by {by}").format(name=name, run=data["run"], by=data["by"])
    return "🔍 " + _("Dry run") + f": {head}" if data["dry_run"] else f"{mark} {head}"


def _parameters(data: Mapping[str, Any]) -> list[str]:
    values = [f"{name} = {str(value)[:LINE_CHARS]}" for name, value in data["parameters"].items()]
    return [", ".join(values)] if values else []


def _steps(steps: Sequence[Mapping[str, Any]], *, over: bool) -> list[str]:
    """Return a line for each step; of very many, those around where it is."""
    lines = [step_line(number, len(steps), step, over=over) for number, step in enumerate(steps, start=1)]
    if len(lines) <= SHOWN_STEPS:
        return lines
    at = max((number for number, step in enumerate(steps) if step["state"]), default=0)
    first = max(0, min(at - SHOWN_STEPS // 2, len(lines) - SHOWN_STEPS))
    last = first + SHOWN_STEPS
    return [*(["…"] if first else []), *lines[first:last], *(["…"] if last < len(lines) else [])]


def step_line(number: int, count: int, step: Mapping[str, Any], *, over: bool = False) -> str:
    """Return one step in one line: [2/4] Restarting the API ... ok (3.1 s)."""
    state = step["state"]
    words = {
        "ok": _("ok"),
        "failed": _("failed"),
        "started": _("interrupted") if over else _("at work"),
        "waiting": _("not awaited") if over else _("waiting"),
        "skipped": _("skipped"),
    }
    head = (
        f"{MARKS['failed' if over and state in ('started', 'waiting') else state]} [{number}/{count}] {step['title']}"
    )
    if not state:
        return head
    time = f" ({show_seconds(step['seconds'])})" if state in ("ok", "failed") else ""
    note = f" — {say_reason(step['note'])}" if step["note"] else ""
    return f"{head} ... {words[state]}{time}{note}"


def _dry(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"{number}. {step['title']}: {step['shown']}" for number, step in enumerate(steps[:SHOWN_STEPS], start=1)]
    return [*lines, *(["…"] if len(steps) > SHOWN_STEPS else [])]


def _output(data: Mapping[str, Any]) -> list[str]:
    """Return the last lines of output, of a run that is going on or went wrong."""
    if data["state"] in ("succeeded", "cancelled") or not data["output"].strip():
        return []
    lines = data["output"].strip().splitlines()[-OUTPUT_LINES:]
    return ["", *(f"> {line[:LINE_CHARS]}" for line in lines)]


def _end(data: Mapping[str, Any]) -> list[str]:
    if data["dry_run"]:
        return ["", _("Nothing was done.")] if data["state"] == "succeeded" else [*_error(data)]
    rollback = _rollback(data, sum(step["state"] == "ok" for step in data["steps"]))
    return [*_error(data), *(["", *rollback] if rollback else [])]


def _rollback(data: Mapping[str, Any], done: int) -> list[str]:
    """Say what became of what a run had done that was cancelled, or ended with something left that can be undone."""
    if not done:
        return []
    if data.get("undone_by"):
        return ["↩️ " + _("What was done is rolled back by run {run}.").format(run=data["undone_by"])]
    left = data.get("undo_left") and not data.get("undo_begun")
    return [_("Nothing was rolled back.")] if left or data["state"] == "cancelled" else []


def _error(data: Mapping[str, Any]) -> list[str]:
    return ["", say_reason(data["error"])] if data["error"] else []


def _buttons(data: Mapping[str, Any]) -> tuple[tuple[Button, ...], ...]:
    """Return a button to cancel while it goes on, and one to roll back what it left when it ended before its end."""
    if data["state"] not in OVER:
        button = command_button(_("Cancel"), "runbook", f"cancel {data['run']}")
    elif data.get("undo_left"):
        button = command_button("↩️ " + _("Roll back"), "runbook", f"undo {data['run']}")
    else:
        button = None
    return ((button,),) if button is not None else ()
