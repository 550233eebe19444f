"""The web chat behind the interface of every channel: the page shows message rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from bots.channels.base import InboundMessage
from bots.channels.live import LiveAdapter
from bots.channels.webchat.updates import get_external_id, parse_update


class WebchatAdapter(LiveAdapter):
    """Speaks to visitors through rows."""

    kind: ClassVar[str] = "webchat"

    def external_id(self, raw: Mapping[str, Any]) -> str:
        """Return the update's id; raise Unparsed when it has none."""
        return get_external_id(raw)

    def parse(self, raw: Mapping[str, Any]) -> InboundMessage | None:
        """Return the update as a value, None when it is empty; Unparsed when it is malformed."""
        return parse_update(raw)
