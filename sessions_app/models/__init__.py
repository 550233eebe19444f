"""Everything remembered: who talks where, what was said, what waits to be worked on or sent."""

from sessions_app.models.attachment import Attachment
from sessions_app.models.card import Card
from sessions_app.models.channel import Channel, GroupAccess
from sessions_app.models.contact import Contact, Pairing
from sessions_app.models.fact import Fact
from sessions_app.models.inbox import Inbox
from sessions_app.models.message import Message, Summary
from sessions_app.models.outbox import Outbox
from sessions_app.models.prompt import PromptLayer, SessionLayer
from sessions_app.models.session import Session
from sessions_app.models.skill import Skill
from sessions_app.models.turn import ToolCall, Turn

__all__ = [
    "Attachment",
    "Card",
    "Channel",
    "Contact",
    "Fact",
    "GroupAccess",
    "Inbox",
    "Message",
    "Outbox",
    "Pairing",
    "PromptLayer",
    "Session",
    "SessionLayer",
    "Skill",
    "Summary",
    "ToolCall",
    "Turn",
]
