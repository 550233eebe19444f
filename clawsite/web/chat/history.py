"""What the page shows of a session, read for one visitor. The session is found by who the visitor is, never by what
the page asks for, so nobody can read what is not theirs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from clawsite.web.chat.changes import read_arrived, read_changed, read_ended
from clawsite.web.chat.identity import KIND, Visitor
from clawsite.web.chat.markdown import render_markdown, render_plain
from guardrails.models import Approval
from sessions_app.channels import channels_of
from sessions_app.models import Attachment, Channel, Contact, Message, Session, Turn
from sessions_app.turns import open_turns

PAGE = 50
# More than this was missed: the page starts anew from the newest ones.
CATCH_UP = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """One look at a session: who the visitor is to us now, what is new, what changed in place, and which turns run."""

    access: str = "new"
    role: str = ""
    contact_id: int | None = None
    session_id: int | None = None
    messages: tuple[dict[str, Any], ...] = ()
    restart: bool = False
    more: bool = False
    running: frozenset[int] = frozenset()
    draft: tuple[int, str] | None = None
    changed: tuple[dict[str, Any], ...] = ()
    cards: Mapping[int, int] = field(default_factory=dict)
    coming: frozenset[int] = frozenset()
    ended: Mapping[str, bool] = field(default_factory=dict)


def read_news(
    visitor: Visitor,
    *,
    after: int | None,
    cards: Mapping[int, int] | None = None,
    coming: Collection[int] | None = (),
    sent: Collection[str] = (),
) -> News:
    """Return what is new after message `after`; with None the newest page. Messages are read before turns, so that
    a turn that is said not to run has its answer among them or in the next look. `cards` are those of the last look,
    `coming` the messages that were shown with files we did not have yet, None when they are not known; `sent` is what
    was taken from the page and not known to be worked on.
    """
    channel_id = Channel.objects.filter(kind=KIND).order_by("pk").values_list("pk", flat=True).first()
    if channel_id is None:
        return News()
    contact = Contact.objects.filter(channel_id=channel_id, external_id=visitor.external_id).first()
    access, role, contact_id = (contact.state, contact.role, contact.pk) if contact else ("new", "", None)
    if access == Contact.State.BLOCKED:
        return News(access=access, contact_id=contact_id)
    session = _find_session(channel_id, visitor)
    if session is None:
        return News(access=access, role=role, contact_id=contact_id)
    rows, restart, more = _rows(session, after)
    running = dict(open_turns().filter(session=session, state=Turn.State.RUNNING).values_list("pk", "draft"))
    versions, changed = read_changed(session.pk, cards or {})
    still, arrived = read_arrived(session.pk, coming)
    changed += arrived
    drafts = [(pk, draft) for pk, draft in running.items() if draft]
    return News(
        access=access,
        role=role,
        contact_id=contact_id,
        session_id=session.pk,
        messages=tuple(show(session, rows)),
        restart=restart,
        more=more,
        running=frozenset(running),
        draft=max(drafts) if drafts else None,
        changed=tuple(show(session, changed)),
        cards=versions,
        coming=still,
        ended=read_ended(channel_id, visitor.external_id, sent),
    )


def read_older(visitor: Visitor, *, before: int) -> tuple[list[dict[str, Any]], bool]:
    """Return the page of messages before one, oldest first, and whether there are more before them."""
    session = _sessions(visitor).first()
    if session is None:
        return [], False
    rows = list(session.messages.filter(seq__lt=before).order_by("-seq")[: PAGE + 1])
    return show(session, reversed(rows[:PAGE])), len(rows) > PAGE


def has_button(visitor: Visitor, *, seq: int, data: str) -> bool:
    """Tell whether a message of the visitor's own session carries this button."""
    found = Message.objects.filter(session__in=_sessions(visitor), seq=seq).first()
    rows = found.data.get("buttons", []) if found else []
    return any(button[1] == data for row in rows for button in row)


def _sessions(visitor: Visitor) -> QuerySet[Session]:
    return Session.objects.filter(channel__in=channels_of(KIND), chat_id=visitor.external_id, thread_id="")


def _find_session(channel_id: int, visitor: Visitor) -> Session | None:
    return Session.objects.filter(channel_id=channel_id, chat_id=visitor.external_id, thread_id="").first()


def _rows(session: Session, after: int | None) -> tuple[list[Message], bool, bool]:
    """Return messages, whether they replace what the page has, and whether there are older ones before them."""
    if after is not None and after <= session.last_seq:
        rows = list(session.messages.filter(seq__gt=after).order_by("seq")[: CATCH_UP + 1])
        if len(rows) <= CATCH_UP:
            return rows, False, False
    rows = list(session.messages.order_by("-seq")[: PAGE + 1])
    return rows[:PAGE][::-1], True, len(rows) > PAGE


def show(session: Session, messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return messages as the page gets them: text of people as text, text of ours as safe HTML."""
    rows = list(messages)
    files = _files(session, [row.seq for row in rows if row.data.get("files")])
    decided = _decided(rows)
    return [_show(row, files.get(row.seq, ()), decided) for row in rows]


def _show(row: Message, files: Sequence[Attachment], decided: frozenset[str]) -> dict[str, Any]:
    mine = row.role in (Message.Role.USER, Message.Role.COMMAND)
    shown: dict[str, Any] = {
        "seq": row.seq,
        "role": row.role,
        "at": row.created_at.isoformat(timespec="seconds"),
    }
    if mine:
        shown |= {"id": row.external_id, "text": row.text}
    else:
        shown["html"] = render_plain(row.text) if row.data.get("plain") else render_markdown(row.text)
        shown["buttons"] = [
            [{"label": label, "data": data, "style": style} for label, data, style in line]
            for line in row.data.get("buttons", [])
            if not any(_key(button[1]) in decided for button in line)
        ]
    if row.data.get("files"):
        shown["files"] = [_file(file) for file in files]
    return shown


def _file(file: Attachment) -> dict[str, Any]:
    return {"id": file.pk, "name": file.name, "size": file.size, "kind": file.kind, "state": file.state}


def _files(session: Session, seqs: Sequence[int]) -> dict[int, list[Attachment]]:
    found: dict[int, list[Attachment]] = defaultdict(list)
    if seqs:
        for file in Attachment.objects.filter(session=session, message_seq__in=seqs):
            found[file.message_seq].append(file)
    return found


def _key(data: str) -> str:
    """Return the approval's key that a button decides, or ""."""
    name, _, value = data.partition(":")
    return value if name in ("ok", "no") else ""


def _decided(rows: Sequence[Message]) -> frozenset[str]:
    """Return the keys of approvals that nobody can decide any more, so that their buttons are not shown."""
    keys = {_key(button[1]) for row in rows for line in row.data.get("buttons", []) for button in line} - {""}
    if not keys:
        return frozenset()
    waiting = Approval.objects.filter(key__in=keys, state=Approval.State.WAITING, expires_at__gt=timezone.now())
    return frozenset(keys - set(waiting.values_list("key", flat=True)))
