"""The one error of a deployment: a sentence that says what went wrong and, where it is known, what to do."""

from __future__ import annotations


class DeployFailed(Exception):
    """Something did not go as it must. Nobody is sent to what failed."""
