"""All methods, one module for each namespace. Importing a module registers its methods."""

from __future__ import annotations

from clawsite.gateway.methods import (
    jobs,
    ping,
)

__all__ = [
    "jobs",
    "ping",
]
