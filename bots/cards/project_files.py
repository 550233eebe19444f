"""Files of a project in a chat: a listing, a file, and what became of one that somebody sent.

Names come from outside: plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.cards.registry import CardView
from bots.channels.base import Button, OutboundFile, OutboundMessage
from bots.commands.base import command_button
from bots.reasons import say_reason

Data = Mapping[str, Any]
_MARKS = {"folder": "📁", "file": "📄", "link": "🔗", "other": "▫️"}


def render_tree(data: Data, view: CardView) -> OutboundMessage:
    """Return the listing of a folder."""
    head = f"🌳 {data['project']}" + (f" / {data['path']}" if data["path"] else "")
    if data["error"]:
        return _plain(head, "⚠️ " + say_reason(data["error"]))
    base = data["path"].count("/") + 1 if data["path"] else 0
    lines = [_line(each, each["path"].count("/") - base) for each in data["entries"]]
    more = [_("… and more; choose a folder: /tree PATH")] if data["more"] else []
    return _plain(head, "", *(lines or [_("There is nothing here.")]), *more)


def _line(each: Data, depth: int) -> str:
    size = f" ({filesizeformat(each['size'])})" if each["kind"] == "file" else ""
    name = each["path"].rsplit("/", 1)[-1] + ("/" if each["kind"] == "folder" else "")
    return f"{'   ' * max(0, depth)}{_MARKS[each['kind']]} {name}{size}"


def render_file(data: Data, view: CardView) -> OutboundMessage:
    """Return a file with its name."""
    head = f"📄 {data['project']}: {data['path'] or '/'}"
    if data["error"]:
        return _plain(head, "⚠️ " + say_reason(data["error"]))
    file = OutboundFile(path=data["file"], name=data["name"])
    return OutboundMessage(text=f"{head} ({filesizeformat(data['size'])})", plain=True, files=(file,))


def render_upload(data: Data, view: CardView) -> OutboundMessage:
    """Return what became of a file that was sent."""
    name, number = data["name"], data["upload"]
    if data["state"] == "exists":
        text = _("{path} is there already in {project}.").format(path=data["path"], project=data["project"])
        over = "=overextract" if data["extract"] else "=over"
        return _plain(f"❔ {text}", buttons=_row((_("Replace it"), over), (_("No"), "=no"), number=number))
    if data["state"] == "refused":
        return _plain(f"⛔ {name}: {say_reason(data['error'])}")
    if not data["sha"]:
        return _plain("✅ " + _("{path} is in {project} already, exactly like this.").format(
            path=data["path"], project=data["project"]
        ))  # fmt: skip
    done = _("{path} is in {project} now ({sha}).").format(
        path=data["path"], project=data["project"], sha=data["sha"][:8]
    )
    return _plain(f"✅ {done}", *_contents(data), buttons=_unpack(data, number))


def _contents(data: Data) -> list[str]:
    if not data["archive"]:
        return ["⚠️ " + say_reason(data["error"])] if data["error"] else []
    head = ngettext("It holds {n} file:", "It holds {n} files:", data["count"]).format(n=data["count"])
    more = ["…"] if data["count"] > len(data["names"]) else []
    return ["", head, *(f"• {name}" for name in data["names"]), *more]


def _unpack(data: Data, number: int) -> tuple[tuple[Button, ...], ...]:
    return _row((_("Unpack"), "=extract"), number=number) if data["archive"] else ()


def _row(*pairs: tuple[str, str], number: int) -> tuple[tuple[Button, ...], ...]:
    made = [command_button(label, "put", f"{number} {word}") for label, word in pairs]
    return (tuple(button for button in made if button is not None),)


def _plain(*lines: str, buttons: tuple[tuple[Button, ...], ...] = ()) -> OutboundMessage:
    return OutboundMessage(text="\n".join(lines), plain=True, buttons=buttons)
