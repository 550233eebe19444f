"""The cards of a /code: its progress in one message that changes in place, and a new message with what came of it.

Everything is plain text: requests, paths, outputs and the model's words are from outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.cards.registry import CardView
from bots.channels.base import Button, OutboundFile, OutboundMessage
from bots.commands.base import command_button
from bots.commands.figures import show_span
from bots.reasons import say_reason

Data = Mapping[str, Any]

MARKS = {"ok": "✅", "no": "❌", "": "⏳"}
OUTCOMES = {"merged": "✅", "kept": "⚠️", "nothing": "💬", "undone": "↩️", "dropped": "🗑", "open": "⏹"}
BAR = 10
FILES = 12
NOTE_LINES = 8


def render(data: Data, view: CardView) -> OutboundMessage:
    """Return the message of a /code that is being worked on."""
    head = _("🛠 {project} · /code {run} · by {by}").format(project=data["project"], run=data["run"], by=data["by"])
    lines = [head, data["request"], "", *_where(data)]
    lines += [f"{MARKS[mark]} {tool} {subject}".rstrip() for mark, tool, subject in data["log"]]
    buttons = () if data["state"] == "over" else _row(command_button("⏹ " + _("Stop"), "code", f"stop {data['run']}"))
    return OutboundMessage(text="\n".join(lines), plain=True, buttons=buttons)


def _where(data: Data) -> list[str]:
    """Say where it stands: a bar of the steps it may take, the time, the money. Over, it has no bar: few take all."""
    words = {
        "queued": _("⏸ Waiting for its turn in this project, {place} ahead.").format(place=data["place"]),
        "asking": _("❓ Waiting for your decision."),
        "testing": _("🧪 The tests run."),
        "merging": _("🔀 The changes are being merged."),
        "over": _("It is over."),
    }
    told = [words[data["state"]]] if data["state"] in words else []
    if data["state"] == "queued":
        return told
    spent = f"{show_span(timedelta(seconds=data['seconds']))} · ${data['usd']:.2f}"
    if data["state"] == "over":
        return [spent, *told]
    done = min(BAR, -(-BAR * data["step"] // max(1, data["steps"])))
    step = _("step {step} of at most {steps}").format(step=data["step"], steps=data["steps"])
    return [f"{'▓' * done}{'░' * (BAR - done)} {step} · {spent}", *told]


def render_end(data: Data, view: CardView) -> OutboundMessage:
    """Return the message that says what came of a /code."""
    head = f"{_mark(data)} {data['project']} · /code {data['run']} · {_outcome(data)}"
    why = data["notice"] or say_reason(data["error"])
    parts = [head, data["summary"], why, *_reason(data), _files(data), _tests(data), _spent(data)]
    return OutboundMessage(text="\n\n".join(part for part in parts if part), plain=True, buttons=_end_buttons(data))


def _mark(data: Data) -> str:
    failed = data["state"] in ("failed", "timed_out") or (data["outcome"] == "nothing" and data["notice"])
    return "❌" if failed and data["outcome"] in ("nothing", "open") else OUTCOMES[data["outcome"]]


def _outcome(data: Data) -> str:
    if data["state"] == "cancelled" and data["outcome"] in ("nothing", "kept"):
        return _("stopped")
    return {
        "merged": _("merged"),
        "kept": _("not merged"),
        "nothing": _("nothing changed"),
        "undone": _("undone"),
        "dropped": _("thrown away"),
        "open": _("stopped"),
    }[data["outcome"]]


def _reason(data: Data) -> list[str]:
    """Say why changes are not merged, and what can be done."""
    if data["outcome"] != "kept":
        return []
    words = {
        "unfinished": _("It did not finish. What there is stays on its branch."),
        "tests": _("The tests fail, so nothing is merged. “Keep” merges it all the same."),
        "untested": _("There are no tests to say whether it works, so it is not merged automatically."),
        "guarded": _("It changes what decides on commands or pipelines: a maintainer has to keep it."),
        "conflict": _("It conflicts with what came meanwhile: {paths}. The branch is kept.").format(
            paths=", ".join(data["conflicts"][:FILES])
        ),
    }
    return [words[data["reason"]]] if data["reason"] in words else []


def _files(data: Data) -> str:
    rows: Sequence[Sequence[Any]] = data["files"]
    lines = [f"{path}  +{added} −{removed}" for path, added, removed in rows[:FILES]]
    more = len(rows) - FILES
    return "\n".join([*lines, *([_("… and {count} more").format(count=more)] if more > 0 else [])])


def _tests(data: Data) -> str:
    tests = data["tests"]
    if tests.get("state") == "passed":
        return _("🧪 Tests: passed in {seconds} s.").format(seconds=f"{tests['seconds']:g}")
    if tests.get("state") == "failed":
        lines = [f"> {line}" for line in tests["note"].splitlines()[-NOTE_LINES:]]
        return "\n".join([_("🧪 Tests: failed."), *lines])
    return ""


def _spent(data: Data) -> str:
    steps = ngettext("{n} step", "{n} steps", data["steps"]).format(n=data["steps"])
    return f"{steps} · {show_span(timedelta(seconds=data['seconds']))} · ${data['usd']:.2f}"


def _end_buttons(data: Data) -> tuple[tuple[Button, ...], ...]:
    number = data["run"]
    first = []
    if data["files"] and data["outcome"] != "dropped":
        first.append(command_button("📄 " + _("Diff"), "diff", f"{number}"))
    if data["outcome"] == "kept":
        first.append(command_button("✅ " + _("Keep"), "code", f"keep {number} {data['head'][:10]}"))
    if data["outcome"] in ("kept", "merged"):
        first.append(command_button("↩️ " + _("Undo"), "code", f"undo {number}"))
    second = [
        command_button("🔁 " + _("Again"), "code", f"again {number}"),
        command_button("👍", "code", f"up {number}"),
        command_button("👎", "code", f"down {number}"),
    ]
    return (*_row(*first), *_row(*second))


def render_note(data: Data, view: CardView) -> OutboundMessage:
    """Return what a small job, such as keeping or undoing, has to say."""
    return OutboundMessage(text=say_reason(data["text"]), plain=True)


def render_diff(data: Data, view: CardView) -> OutboundMessage:
    """Return a difference: in the message when it is short, else as a file."""
    head = f"📄 {data['title']}"
    if not data["text"] and not data["file"]:
        return OutboundMessage(text="\n\n".join([head, _("There are no differences.")]), plain=True)
    files = (OutboundFile(path=data["file"], name=data["name"], mime="text/x-patch"),) if data["file"] else ()
    body = data["text"] or _files(data)
    return OutboundMessage(text=f"{head}\n\n{body}", plain=True, files=files)


def _row(*buttons: Button | None) -> tuple[tuple[Button, ...], ...]:
    there = tuple(button for button in buttons if button is not None)
    return (there,) if there else ()
