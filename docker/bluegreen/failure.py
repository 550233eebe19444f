"""The one error of a deployment: a sentence that says what went wrong and, where it is known, what to do."""

from __future__ import annotations


class DeployFailed(Exception):
    """Something did not go as it must. Nobody is sent to what failed."""


class Stopped(DeployFailed):
    """It was told to stop: nothing more is begun."""


class AtWork(DeployFailed):
    """Another deployment is at work."""


class Unsettled(DeployFailed):
    """Something is left to do, which `deploy settle` does."""
