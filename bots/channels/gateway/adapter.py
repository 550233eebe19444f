"""The gateway behind the interface of every channel: clients read message rows and hear events about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from bots.channels.base import InboundMessage
from bots.channels.gateway.updates import get_external_id, parse_update
from bots.channels.live import LiveAdapter


class GatewayAdapter(LiveAdapter):
    """Speaks to programs through rows."""

    kind: ClassVar[str] = "gateway"

    def external_id(self, raw: Mapping[str, Any]) -> str:
        """Return the update's id; raise Unparsed when it has none."""
        return get_external_id(raw)

    def parse(self, raw: Mapping[str, Any]) -> InboundMessage | None:
        """Return the update as a value, None when it is empty; Unparsed when it is malformed."""
        return parse_update(raw)
