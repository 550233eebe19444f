"""The tools that come with the product, and the registry they stand in. Importing this registers all of them."""

from bots.agent.tools import attachments, clock, memory, web
from bots.agent.tools.registry import list_tools, register_tool, remove_tool, tool, toolset_for

__all__ = [
    "attachments", "clock", "list_tools", "memory", "register_tool", "remove_tool", "tool", "toolset_for", "web",
]  # fmt: skip
