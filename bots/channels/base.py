"""What a channel is to the rest of the system: values in, values out, and one error.

An adapter turns a platform's raw update into an `InboundMessage` (a pure function, so that stored rows can be parsed
again) and sends `Part`s. It never touches the database, never decides and never retries: intake and delivery do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from clawsite.core.errors import ClawError
from guardrails.types import Role


class Unparsed(ClawError):
    """An update that the adapter does not understand. Intake stores it as such and goes on."""

    code = "unparsed"


class ChannelError(ClawError):
    """A call to the platform failed.

    permanent: repeating the call cannot help (blocked, chat gone, bad request).
    retry_after: seconds the platform asks us to wait, if it said so.
    unsent: the platform certainly did not accept the call, so repeating it makes no duplicate.
    bad_markup: the platform refused the formatting; the plain text may pass.
    gone: the message to edit or delete does not exist any more; send a new one.
    moved_to: the chat has a new id.
    whole_bot: retry_after holds for every chat of the account, not for this one only.
    """

    code = "channel_failed"

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        unsent: bool = True,
        bad_markup: bool = False,
        gone: bool = False,
        moved_to: str = "",
        whole_bot: bool = False,
    ) -> None:
        super().__init__(message, retryable=not permanent)
        self.permanent = permanent
        self.retry_after = retry_after
        self.unsent = unsent
        self.bad_markup = bad_markup
        self.gone = gone
        self.moved_to = moved_to
        self.whole_bot = whole_bot

    @property
    def outcome(self) -> str:
        """What came of the call, in a word for the metrics."""
        if self.retry_after is not None:
            return "told to wait"
        return "refused" if self.permanent else "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a message belongs: a chat, and a thread (forum topic) in it or ""."""

    chat_id: str
    thread_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """Who wrote, as the platform says. Names are data from outside.

    role: the most that the credential they wrote with allows; None where people are only who they are.
    """

    external_id: str
    name: str = ""
    username: str = ""
    language: str = ""
    is_bot: bool = False
    role: Role | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundFile:
    """A file on the platform. `ref` is what `ChannelAdapter.fetch` needs; `size` is bytes or 0 when unknown."""

    kind: str
    ref: str
    name: str = ""
    mime: str = ""
    size: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundMessage:
    """One update. `kind`: message, edit, callback (a pressed button), reaction, or moved (the chat has a new id).

    text: typed text or caption. mentioned: the bot's @name is in it. reply_to_bot: it answers the bot.
    forwarded: somebody else's words, so full-strength guards. quoted: text of the message replied to (data).
    group_key: files sent as one album share it. moved_to: the new id, told in the old chat; moved_from: the old one,
    told in the new chat. callback_id/callback_data/reaction as their kinds need;
    message_id of a callback or reaction is the message it was given to, and reaction "" took one away.
    """

    external_id: str
    kind: str
    address: Address
    direct: bool
    sender: Sender
    chat_title: str = ""
    text: str = ""
    message_id: str = ""
    files: tuple[InboundFile, ...] = ()
    mentioned: bool = False
    reply_to_bot: bool = False
    reply_to_id: str = ""
    quoted: str = ""
    forwarded: bool = False
    group_key: str = ""
    callback_id: str = ""
    callback_data: str = ""
    reaction: str = ""
    moved_to: str = ""
    moved_from: str = ""
    date: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """An inline button. `data` is at most 64 bytes; style: "", primary, success or danger."""

    label: str
    data: str
    style: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundMessage:
    """What the outbox carries, channel-neutral. `text` is Markdown of ours or of the model.

    plain: `text` is shown as it is, without any formatting. edit_ids: platform ids of parts already shown for this
    message (a streamed preview, or a card that changes): they are edited, what is missing is sent, what is left over
    is deleted. notify: whether the phone may ring. files: paths relative to CLAW_HOME.
    """

    text: str = ""
    plain: bool = False
    buttons: tuple[tuple[Button, ...], ...] = ()
    files: tuple[OutboundFile, ...] = ()
    reply_to_id: str = ""
    edit_ids: tuple[str, ...] = ()
    notify: bool = True
    reaction: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the payload of an outbox row, without fields that say nothing."""
        rows = [[[b.label, b.data, b.style] for b in row] for row in self.buttons]
        files = [[f.path, f.name, f.mime, f.kind] for f in self.files]
        whole = {
            "text": self.text, "plain": self.plain, "buttons": rows, "files": files,
            "reply_to_id": self.reply_to_id, "edit_ids": list(self.edit_ids),
            "silent": not self.notify, "reaction": self.reaction,
        }  # fmt: skip
        return {key: value for key, value in whole.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OutboundMessage:
        """Rebuild the message of an outbox row; unknown keys of newer versions are ignored."""
        return cls(
            text=data.get("text", ""),
            plain=data.get("plain", False),
            buttons=tuple(tuple(Button(label=b[0], data=b[1], style=b[2]) for b in r) for r in data.get("buttons", ())),
            files=tuple(OutboundFile(path=f[0], name=f[1], mime=f[2], kind=f[3]) for f in data.get("files", ())),
            reply_to_id=data.get("reply_to_id", ""),
            edit_ids=tuple(data.get("edit_ids", ())),
            notify=not data.get("silent", False),
            reaction=data.get("reaction", ""),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundFile:
    """A file to send, relative to CLAW_HOME. kind: photo or document."""

    path: str
    name: str
    mime: str = "application/octet-stream"
    kind: str = "document"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One platform message, rendered. `body` is in the platform's markup, `fallback` the same as plain text.

    content: the bytes of `file` when they are not on disk (an answer too long for messages); its path is then "".
    """

    body: str
    fallback: str
    buttons: tuple[tuple[Button, ...], ...] = ()
    file: OutboundFile | None = None
    content: bytes | None = None
    reply_to_id: str = ""
    notify: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What the platform can do; delivery and streaming look here instead of at the kind.

    edit_seconds: least time between edits of one streamed message in a direct chat; group_edit_seconds in a group.
    live: answers stream over the nudge to whoever watches, so no preview messages are sent.
    """

    text_max: int
    caption_max: int = 1024
    edits: bool = True
    deletes: bool = True
    buttons: bool = True
    typing: bool = True
    reactions: bool = True
    live: bool = False
    edit_seconds: float = 2.0
    group_edit_seconds: float = 6.0
    download_max: int = 20 * 1024 * 1024
    upload_max: int = 50 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandHint:
    """One line of the platform's command menu."""

    name: str
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What an adapter needs to know of its Channel row."""

    channel_id: int
    name: str
    token: str = ""
    webhook_secret: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)


class ChannelAdapter(Protocol):
    """The code of a kind. One instance serves one account in one event loop."""

    kind: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    polls: bool

    def __init__(self, account: Account) -> None: ...

    async def open(self) -> Mapping[str, Any]:
        """Connect and return the account's identity (`id`, `username`, ...); ChannelError when that fails."""

    async def close(self) -> None:
        """Let every connection go; safe to call twice."""

    def external_id(self, raw: Mapping[str, Any]) -> str:
        """Return the update's id, unique in the account; raise Unparsed when it has none."""

    def parse(self, raw: Mapping[str, Any]) -> InboundMessage | None:
        """Return the update as a value, None when there is nothing to answer; Unparsed when it is malformed. Pure."""

    def updates(self) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """Yield batches of raw updates, empty ones too, for ever; asking for the next one confirms the one before.

        The consumer stores a batch, and checks that it still may poll, before it asks for the next.
        """

    def render(self, message: OutboundMessage) -> list[Part]:
        """Cut and format a message into the platform's parts, each within its limits. Pure."""

    async def send(self, address: Address, part: Part, *, plain: bool = False) -> str:
        """Send one part and return the platform's id of it; ChannelError otherwise."""

    async def edit(self, address: Address, remote_id: str, part: Part, *, plain: bool = False) -> None:
        """Replace a message of ours. "Nothing changed" is success."""

    async def delete(self, address: Address, remote_id: str) -> None:
        """Remove a message of ours. Already gone is success."""

    async def typing(self, address: Address) -> None:
        """Show that the bot is at work."""

    async def react(self, address: Address, remote_id: str, emoji: str) -> None:
        """Put a reaction on a message."""

    async def answer_callback(self, callback_id: str, *, text: str = "", alert: bool = False) -> None:
        """Stop the button's spinner, with a short text (200 characters). Too old is success."""

    async def fetch(self, ref: str, target: Path, *, limit: int) -> int:
        """Download a file to `target` and return its size; ChannelError when it is larger than `limit` bytes."""

    async def set_commands(self, hints: Mapping[str, Sequence[CommandHint]]) -> None:
        """Publish the command menu by language ("" is the default one)."""
