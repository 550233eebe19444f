"""An emulator of the Anthropic Messages API: checks like the real one, scripted or talking by itself."""

from tests.servers.messages.controls import MessagesControl, MessagesControls
from tests.servers.messages.scripts import cut, eof, error, pause, text, thinking, tool_use, trickle
from tests.servers.messages.server import MessagesServer

__all__ = [
    "MessagesControl",
    "MessagesControls",
    "MessagesServer",
    "cut",
    "eof",
    "error",
    "pause",
    "text",
    "thinking",
    "tool_use",
    "trickle",
]
