"""The card of a project and its remote: what keeps them apart, or that they are the same again.

What a remote says, and names of files, come from outside: everything is plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.cards.registry import CardView
from bots.channels.base import Button, OutboundMessage
from bots.commands.base import command_button

SHOWN_PATHS = 10


def render(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message of what has changed."""
    lines = [_headline(data), *_paths(data)]
    if data["what"] == "trouble":
        lines += [*_quote(data["error"]), *_apart(data), *_next(data, view)]
    rows = tuple(tuple(button for button in row if button is not None) for row in _buttons(data))
    return OutboundMessage(text="\n".join(lines), plain=True, buttons=tuple(row for row in rows if row))


def state_line(data: Mapping[str, Any]) -> str:
    """Say in one line how a project stands to its remote."""
    words = {
        "new": _("It was not pushed yet."),
        "ok": _("The remote has everything."),
        "away": _("The remote cannot be reached."),
        "denied": _("The remote does not let us in. Its deploy key or token is set in the admin pages."),
        "new_host": _("The remote's host is new; a maintainer is asked whether it is the right one."),
        "host_key": _("The remote's host shows another key than before. Nothing was sent to it."),
        "diverged": _("The remote has changes that are not here."),
        "rejected": _("The remote does not take the changes."),
        "failed": _("Pushing has failed."),
    }
    return words[data["state"]]


def _headline(data: Mapping[str, Any]) -> str:
    count = int(data["text"]) if data["what"] == "pulled" else data["count"]
    words = {
        "trouble": lambda: f"⚠️ {data['project']}: {state_line(data)}",
        "recovered": lambda: "✅ " + _("{project}: the remote has everything again."),
        "pulled": lambda: "⬇️ " + ngettext(
            "{project}: {count} commit came from the remote.", "{project}: {count} commits came from the remote.", count
        ),
        "same": lambda: "✅ " + _("{project}: the remote has nothing new."),
        "conflict": lambda: "⚔️ " + ngettext(
            "{project}: {count} file was changed here and at the remote.",
            "{project}: {count} files were changed here and at the remote.",
            count,
        ),
        "branch": lambda: "🌿 " + _("{project}: our commits are at the remote as the branch {branch}. Merge it there."),
    }  # fmt: skip
    text = words[data["what"]]()
    return text if data["what"] == "trouble" else text.format(project=data["project"], count=count, branch=data["text"])


def _paths(data: Mapping[str, Any]) -> list[str]:
    shown = [f"• {path}" for path in data["paths"][:SHOWN_PATHS]]
    return [*shown, *(["…"] if data["count"] > len(shown) else [])]


def _quote(text: str) -> list[str]:
    return ["", *(f"> {line}" for line in text.splitlines())] if text else []


def _apart(data: Mapping[str, Any]) -> list[str]:
    if not data["ahead"] and not data["behind"]:
        return []
    return ["", _("Here only: {ahead} commits. There only: {behind}.").format(**data)]


def _next(data: Mapping[str, Any], view: CardView) -> list[str]:
    if not data["next"]:
        return []
    moment = datetime.fromisoformat(data["next"]).astimezone(view.zone)
    return [_("Nothing is lost; the next try is at {time}.").format(time=date_format(moment, "H:i"))]


def _buttons(data: Mapping[str, Any]) -> list[list[Button | None]]:
    """Return what people can do about it."""
    key = data["key"]
    if data["what"] == "conflict":
        return [
            [command_button(_("Ours wins"), "sync", f"pull ours {key}")],
            [command_button(_("Theirs wins"), "sync", f"pull theirs {key}")],
            [command_button(_("Keep both: push a branch"), "sync", f"pull branch {key}")],
        ]
    if data["what"] == "trouble" and data["state"] == "diverged":
        return [[command_button("⬇️ " + _("Pull"), "sync", f"pull {key}")]]
    if data["what"] == "trouble":
        return [[command_button("🔄 " + _("Try now"), "sync", f"push {key}")]]
    return []
