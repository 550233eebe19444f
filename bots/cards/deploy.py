"""The cards of a deploy: its steps in one message that changes in place, and a new message that says how it ended.

Everything is plain text: outputs, messages of commits and names are from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from bots.cards.registry import CardView
from bots.cards.run import OVER, step_line
from bots.channels.base import Button, OutboundMessage
from bots.commands.base import command_button
from bots.commands.figures import show_seconds
from bots.reasons import say_reason
from runbooks.workspaces.deploys import planning

OUTPUT_LINES = 6
LINE_CHARS = 120
Data = Mapping[str, Any]


def render(data: Data, view: CardView) -> OutboundMessage:
    """Return the message of a deploy as it stands."""
    over = data["state"] in OVER
    lines = [_headline(data)]
    if data["ahead"]:
        lines.append(_("Waiting in line, {count} ahead.").format(count=data["ahead"]))
    lines += _steps(data["steps"], over=over)
    if data["undo"]:
        lines += [_("Going back:"), *_steps(data["undo"], over=over)]
    if data["output"].strip() and data["state"] not in ("succeeded", "cancelled"):
        lines += ["", *(f"> {line[:LINE_CHARS]}" for line in data["output"].strip().splitlines()[-OUTPUT_LINES:])]
    if data["error"]:
        lines += ["", _why(data["error"])]
    stop = None if over else command_button(_("Cancel"), "deploy", f"cancel {data['job'][:12]}")
    return OutboundMessage(text="\n".join(lines), plain=True, buttons=((stop,),) if stop else ())


def render_end(data: Data, view: CardView) -> OutboundMessage:
    """Return the message that says how it ended, with the ways on."""
    lines = [_outcome(data), _facts(data)]
    if data["error"] and data["state"] != "succeeded":
        lines += ["", _why(data["error"])]
    if data["state"] == "succeeded" and data["changes"]:
        lines += ["", _("Taken back:") if data["kind"] == "rollback" else _("New since the last release:")]
        lines += [f"• {line}" for line in data["changes"]]
        lines += [_("… and {count} more").format(count=data["more"])] if data["more"] else []
    return OutboundMessage(text="\n".join(lines), plain=True, buttons=_ways(data))


def title_of(title: str) -> str:
    """Return a step's title in the language at hand."""
    return _titles().get(title, title)


def _titles() -> dict[str, str]:
    return {
        planning.TESTS: _("Tests"),
        planning.LINT: _("Lint"),
        planning.APPROVAL: _("Approval"),
        planning.AGAIN: _("Checks before the change"),
        planning.RELEASE: _("Release"),
        planning.SWITCH: _("Switching"),
        planning.DEPLOY: _("Deploy command"),
        planning.RESTART: _("Restart"),
        planning.HEALTH: _("Health check"),
        planning.RESTORE: _("Back to the previous release"),
    }


def _why(error: str) -> str:
    """Say an error, and the title of the step in front of it."""
    title, _colon, reason = error.partition(": ")
    said = _titles().get(title)
    return f"{said}: {say_reason(reason)}" if said else say_reason(error)


def _headline(data: Data) -> str:
    environment = data["environment"]
    if data["kind"] == "rollback":
        head = "↩️ " + _("Rolling {environment} back...").format(environment=environment)
    else:
        head = "🚀 " + _("Deploying to {environment}...").format(environment=environment)
    about = [data["project"], data["commit"][:8], data["by"]]
    return "\n".join([head, " · ".join(each for each in about if each), ""]) if data["project"] else head


def _steps(steps: list[Data], *, over: bool) -> list[str]:
    return [
        step_line(number, len(steps), {**step, "title": title_of(step["title"])}, over=over)
        for number, step in enumerate(steps, start=1)
    ]


def _outcome(data: Data) -> str:
    where = " · ".join(each for each in (data["project"], data["environment"]) if each)
    if data["state"] == "succeeded":
        words = _("Rollback complete") if data["kind"] == "rollback" else _("Deployment complete")
        return f"✅ {words}: {where}"
    if data["outcome"] == "rolled_back":
        return "❌ " + _("The release failed, and the one before is back: {where}").format(where=where)
    if data["state"] == "cancelled":
        return "⏹ " + _("The deployment was cancelled: {where}").format(where=where)
    if data["failed"] == planning.TESTS:
        return "❌ " + _("Tests failed, nothing was deployed: {where}").format(where=where)
    if data["failed"] == planning.LINT:
        return "❌ " + _("Lint failed, nothing was deployed: {where}").format(where=where)
    if not data["failed"] and data["state"] == "failed":
        return "❌ " + _("Nothing was deployed: {where}").format(where=where)
    return "❌ " + _("The deployment failed: {where}").format(where=where)


def _facts(data: Data) -> str:
    by = _("by {name}").format(name=data["by"]) if data["by"] else ""
    seconds = show_seconds(data["seconds"]) if data["seconds"] else ""
    return " · ".join(each for each in (data["commit"][:8], by, seconds) if each)


def _ways(data: Data) -> tuple[tuple[Button, ...], ...]:
    """Return the buttons: back again, and the environment's lines."""
    if not data["project"]:
        return ()
    back = command_button("↩️ " + _("Roll back"), "rollback", f"{data['environment']} in {data['key']}")
    logs = command_button("📄 " + _("Logs"), "logs", f"{data['environment']} in {data['key']}")
    shown = [*([back] if data["state"] == "succeeded" and data["back"] else []), logs]
    row = tuple(each for each in shown if each is not None)
    return (row,) if row else ()
