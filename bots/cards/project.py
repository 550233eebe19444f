"""The card of a project that was made, or could not be: its files as a tree, and what may be done next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from bots.cards.registry import CardView
from bots.channels.base import Button, OutboundMessage
from bots.commands.base import command_button
from bots.commands.catalog import find_command
from bots.reasons import say_reason

SHA_CHARS = 8
ROOM = 2


def render(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message of a project."""
    if data["error"]:
        text = _("❌ {name} could not be made: {error}").format(name=data["name"], error=_why(data["error"]))
        return OutboundMessage(text=text, plain=True, buttons=_rows([_button(_("Try again"), "new")]))
    head = _("✅ {name} is ready ({type}), first commit {sha}.").format(
        name=data["name"], type=data["type"], sha=data["sha"][:SHA_CHARS]
    )
    more = [_("… and {count} more").format(count=data["more"])] if data["more"] else []
    hint = _("Say what to change: /code add a page about us")
    text = "\n".join([head, "", *draw_tree(data["files"]), *more, "", hint])
    return OutboundMessage(text=text, plain=True, buttons=_buttons(data))


def _why(error: str) -> str:
    """Say why there is no project: a reason, or the state in which its job ended without one."""
    words = {"cancelled": _("It was cancelled."), "timed_out": _("It took too long and was stopped.")}
    return words.get(error) or say_reason(error)


def draw_tree(files: Sequence[str]) -> list[str]:
    """Return paths as a tree, folders first seen first."""
    lines: list[str] = []
    shown: list[str] = []
    for path in files:
        *folders, name = path.split("/")
        common = _shared(shown, folders)
        lines += [f"{' ' * ROOM * depth}{folders[depth]}/" for depth in range(common, len(folders))]
        lines.append(f"{' ' * ROOM * len(folders)}{name}")
        shown = folders
    return lines


def _shared(a: Sequence[str], b: Sequence[str]) -> int:
    """Return how many parts two lists have in common at their beginning."""
    count = 0
    while count < min(len(a), len(b)) and a[count] == b[count]:
        count += 1
    return count


def _buttons(data: Mapping[str, Any]) -> tuple[tuple[Button, ...], ...]:
    first = [_button(_("Project"), "project", "show"), _button(_("Files"), "tree")]
    deploys = [_button(_("Deploy to {name}").format(name=name), "deploy", name) for name in data["environments"][:ROOM]]
    return _rows(first, deploys, [_button(_("All projects"), "projects")])


def _button(label: str, name: str, args: str = "") -> Button | None:
    """Return a button for a command that there is."""
    return command_button(label, name, args) if find_command(name) is not None else None


def _rows(*rows: Sequence[Button | None]) -> tuple[tuple[Button, ...], ...]:
    made = (tuple(button for button in row if button is not None) for row in rows)
    return tuple(row for row in made if row)
