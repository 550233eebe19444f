"""What can happen while the log is copied."""

from __future__ import annotations

from clawsite.core.errors import ClawError


class Gap(ClawError):
    """Something of the log may be missing: the chain cannot go on, and a new one begins with a snapshot."""

    code = "gap"


class Unknown(Gap):
    """What is on record does not say whether anything is missing, as of older versions. Nobody needs to act on it."""


class Unsettled(ClawError):
    """The log is just being begun anew by somebody. Look again; nothing is lost meanwhile."""

    code = "unsettled"
    retryable = True


class Busy(Unsettled):
    """Somebody else writes the log back and may wait for a while; what is committed cannot be told meanwhile."""

    code = "busy"
