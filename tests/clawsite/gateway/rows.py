"""Rows that methods tell of: Bob's own session, a chat on Telegram that is not his, and turns in them."""

from __future__ import annotations

from django.utils import timezone

from guardrails.approvals import create_approval
from guardrails.models import Approval
from sessions_app.models import Channel, Contact, Inbox, Session, Turn
from tests.clawsite.gateway.calling import BOB

BOBS_KEY = "agent:main:notes"


def add_channel(kind: str) -> Channel:
    """Return the channel of a kind, made when it is missing."""
    channel = Channel.objects.filter(kind=kind).first()
    return channel or Channel.objects.create(kind=kind, name=kind, token="hidden-token")


def add_session(owner: str = BOB.owner, name: str = "notes") -> Session:
    """Make an owner's own session."""
    return Session.objects.create(channel=add_channel("gateway"), chat_id=f"{owner}/{name}", kind="direct")


def add_chat(chat_id: str = "4711") -> Session:
    """Make a chat on Telegram."""
    return Session.objects.create(channel=add_channel("telegram"), chat_id=chat_id, kind="group", title="Ops")


def key_of(chat: Session) -> str:
    """Return the key of a chat on another channel."""
    return f"agent:main:telegram:{chat.channel_id}:group:{chat.chat_id}"


def add_turn(session: Session, *, number: int, tokens: tuple[int, int, int] = (100, 20, 60), cost: str = "0.5") -> Turn:
    """Make a finished turn with input, output and cached tokens."""
    inbox = Inbox.objects.create(channel=session.channel, external_id=f"{session.pk}:{number}", lane="1", raw="{}")
    read, written, cached = tokens
    return Turn.objects.create(
        inbox=inbox, session=session, epoch=1, state="done", outcome="answer", model="claude-sonnet-5-5",
        input_tokens=read, output_tokens=written, cached_tokens=cached, cost_usd=cost, finished_at=timezone.now(),
    )  # fmt: skip


def add_contact(owner: str = BOB.owner) -> Contact:
    """Make the contact that an owner speaks as."""
    return Contact.objects.create(
        channel=add_channel("gateway"), external_id=owner, name=owner, state="approved", role="operator"
    )


def ask(session: Session, *, by: str, **more: object) -> Approval:
    """Ask for a decision in a session."""
    values = {"kind": "test", "subject_hash": "0" * 64, "summary": "Restart it", "requested_by": by, **more}
    return create_approval(session_ref=session.ref, **values)  # type: ignore[arg-type]
