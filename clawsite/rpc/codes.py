"""Error codes of the wire, close codes of the socket. The protocol's own words: clients match them."""

from __future__ import annotations

INVALID_REQUEST = "INVALID_REQUEST"
UNAVAILABLE = "UNAVAILABLE"
FORBIDDEN = "FORBIDDEN"
NOT_PAIRED = "NOT_PAIRED"
APPROVAL_NOT_FOUND = "APPROVAL_NOT_FOUND"

CLOSE_NORMAL = 1000
CLOSE_PROTOCOL = 1002
CLOSE_POLICY = 1008
CLOSE_TOO_BIG = 1009
CLOSE_RESTART = 1012
CLOSE_TRY_LATER = 1013
CLOSE_TICK_TIMEOUT = 4000
CLOSE_AUTH_CHANGED = 4001

# What METHODS.md says of them.
ERRORS = {
    INVALID_REQUEST: "The frame, the method or its parameters are wrong, or what was asked for cannot be done.",
    UNAVAILABLE: "Not now, or not here. With `retryable` trying again helps, after `retryAfterMs` at the soonest.",
    FORBIDDEN: "A scope is missing, or there is no such thing, or it is not yours: the last two are not told apart.",
    NOT_PAIRED: "The device waits for an approval, or the token is not good for what the program wants to be.",
    APPROVAL_NOT_FOUND: "There is no such request for you, it ran out, or it was decided otherwise.",
}
CLOSES = {
    CLOSE_NORMAL: "The client said goodbye.",
    CLOSE_PROTOCOL: "No version of the protocol in common, or frames that are none.",
    CLOSE_POLICY: "Not let in, too many requests, or a client that does not read.",
    CLOSE_TOO_BIG: "A frame over the limit: 64 KiB before connect, 25 MiB after it.",
    CLOSE_RESTART: "The gateway restarts. Connect again.",
    CLOSE_TRY_LATER: "The gateway is not ready, or full. Connect again in a while.",
    CLOSE_TICK_TIMEOUT: "Sent by clients: nothing was heard for two ticks.",
    CLOSE_AUTH_CHANGED: "The token has ended, or the device is let in no more.",
}
