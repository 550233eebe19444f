"""All methods, one module for each namespace. Importing a module registers its methods."""

from __future__ import annotations

from clawsite.gateway.methods import (
    agents,
    channels,
    commands,
    config,
    jobs,
    logs,
    models,
    ping,
    questions,
    skills,
    system,
)

__all__ = [
    "agents",
    "channels",
    "commands",
    "config",
    "jobs",
    "logs",
    "models",
    "ping",
    "questions",
    "skills",
    "system",
]
