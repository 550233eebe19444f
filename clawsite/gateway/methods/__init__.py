"""All methods, one module for each namespace. Importing a module registers its methods."""

from __future__ import annotations

from clawsite.gateway.methods import (
    agent,
    agents,
    channels,
    chat,
    commands,
    config,
    cron,
    jobs,
    logs,
    models,
    ping,
    questions,
    send,
    sessions,
    skills,
    system,
    tokens,
)

__all__ = [
    "agent",
    "agents",
    "channels",
    "chat",
    "commands",
    "config",
    "cron",
    "jobs",
    "logs",
    "models",
    "ping",
    "questions",
    "send",
    "sessions",
    "skills",
    "system",
    "tokens",
]
