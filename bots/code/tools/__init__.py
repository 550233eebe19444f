"""What the model may do in the working tree of a /code. Made for one run: nothing here is offered in conversations."""

from __future__ import annotations

from bots.agent.types import ToolSet
from bots.code.desk import Desk
from bots.code.tools import changing, looking, running


def make_tools(desk: Desk) -> ToolSet:
    """Return the tools of one job."""
    return ToolSet((*looking.make(desk), *changing.make(desk), *running.make(desk)))
