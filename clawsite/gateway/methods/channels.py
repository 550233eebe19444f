"""channels.status: the accounts the bot speaks through, by kind, and how each of them does."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from django.utils import timezone

from clawsite.gateway.hot import HotAnswer
from clawsite.gateway.overview import by_kind, channel_summary, label, read_channels, to_ms
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method


class ChannelsStatusParams(Params):
    """probe and timeoutMs are accepted and change nothing: states come from rows. channel is a kind."""

    probe: bool = False
    timeout_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None
    channel: Annotated[str, msgspec.Meta(min_length=1, max_length=32)] | None = None


def read_status() -> dict[str, Any]:
    """Return the accounts of every kind in the protocol's shape."""
    now = timezone.now()
    kinds = by_kind(read_channels(now=now))
    return {
        "ts": to_ms(now),
        "channelOrder": list(kinds),
        "channelLabels": {kind: label(kind) for kind in kinds},
        "channelDetailLabels": {kind: label(kind) for kind in kinds},
        "channelSystemImages": {},
        "channelMeta": [{"id": kind, "label": label(kind), "detailLabel": label(kind)} for kind in kinds],
        "channels": {kind: channel_summary(accounts) for kind, accounts in kinds.items()},
        "channelAccounts": kinds,
        "channelDefaultAccountId": {kind: accounts[0]["accountId"] for kind, accounts in kinds.items()},
    }


def read_one(kind: str | None) -> dict[str, Any]:
    """Return the answer for one kind only, which may have no account, or for all."""
    found = read_status()
    if kind is not None:
        for part in ("channelLabels", "channelDetailLabels", "channels", "channelAccounts", "channelDefaultAccountId"):
            found[part] = {key: value for key, value in found[part].items() if key == kind}
        found["channelOrder"] = [each for each in found["channelOrder"] if each == kind]
        found["channelMeta"] = [each for each in found["channelMeta"] if each["id"] == kind]
    return found


_status = HotAnswer(read_one, topics=["channel"])


@method("channels.status", scope=Scope.READ, summary="The bot's accounts by kind.", params=ChannelsStatusParams)
def status(call: Call, params: ChannelsStatusParams) -> Any:
    """Answer from memory."""
    return _status.get(params.channel)
