"""The cards of a change request: what it changes, how it stands, and what can be done; and what went wrong.

Titles, names of files and what people typed are other people's text: everything is plain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.cards.ended import said_end
from bots.cards.registry import CardView
from bots.channels.base import Button, OutboundMessage
from bots.commands.base import command_button

Data = Mapping[str, Any]
_MARKS = {"open": "📝", "approved": "👍", "merged": "✅", "conflict": "⚔️", "moved": "⚠️"}


def render(data: Data, view: CardView) -> OutboundMessage:
    """Return the message of a change as it stands."""
    lines = [
        f"{_MARKS.get(data['state'], '⏹')} {data['project']} · {data['number']} · {data['title']}",
        _("{line}, asked for by {name}").format(line=data["line"], name=data["requested"]),
        f"{data['branch']} {data['commit']}",
        "",
        *_files(data),
        "",
        _standing(data),
    ]
    row = tuple(button for button in _buttons(data) if button is not None)
    return OutboundMessage(text="\n".join(lines), plain=True, buttons=(row,) if row else ())


def render_failed(data: Data, view: CardView) -> OutboundMessage:
    """Return the message of a command of a project that did not come to its end."""
    return OutboundMessage(text="❌ " + said_end(data), plain=True)


def render_errors(data: Data, view: CardView) -> OutboundMessage:
    """Return the message about documents that cannot be read."""
    head = _("{project}: commands in the commit {commit} cannot be read.").format(
        project=data["project"], commit=data["commit"][:8]
    )
    more = [_("… and {count} more").format(count=data["more"])] if data["more"] else []
    return OutboundMessage(text="\n".join([f"⚠️ {head}", "", *data["errors"], *more]), plain=True)


def state_words(state: str) -> str:
    """Return how a change stands in a few words."""
    words = {
        "open": _("open"),
        "approved": _("approved"),
        "merged": _("merged"),
        "rejected": _("rejected"),
        "expired": _("nobody decided in time"),
        "closed": _("closed"),
        "conflict": _("conflict"),
        "moved": _("its branch has changed"),
    }
    return words[state]


def _standing(data: Data) -> str:
    if data["waits"]:
        return _("It waits for an approval.")
    if data["state"] == "approved" and data["auto"]:
        return _("Approved by {name}. It is being merged.").format(name=data["by"])
    words = {
        "open": _("It can be merged."),
        "approved": _("Approved by {name}. It can be merged."),
        "merged": _("Merged by {name} as {commit}."),
        "rejected": _("Rejected by {name}. Nothing was changed; the branch stays."),
        "expired": _("Nobody decided in time. Nothing was changed; the branch stays."),
        "closed": _("Closed by {name}. Nothing was changed; the branch stays."),
        "conflict": _("Not merged: these files have changed meanwhile: {paths}. Run the command again."),
        "moved": _("Not merged: its branch is not what was approved. Run the command again."),
    }
    return words[data["state"]].format(name=data["by"], commit=data["merged"], paths=", ".join(data["conflicts"]))


def _files(data: Data) -> list[str]:
    shown = [f"{path}  +{added} −{removed}" for path, added, removed in data["files"]]
    more = data["count"] - len(shown)
    return [
        *shown,
        *([ngettext("… and {count} file more", "… and {count} files more", more).format(count=more)] if more else []),
    ]


def _buttons(data: Data) -> list[Button | None]:
    number, state = data["number"], data["state"]
    diff = command_button(_("Diff"), "changes", f"diff {number}")
    close = command_button(_("Close"), "changes", f"close {number}")
    if state in ("open", "approved"):
        ready = not data["waits"] and not (state == "approved" and data["auto"])
        return [command_button("✅ " + _("Merge"), "changes", f"merge {number}") if ready else None, diff, close]
    if state in ("conflict", "moved"):
        return [command_button("🔄 " + _("Again"), "gitops", data["line"].removeprefix("/")), diff]
    return [diff]
