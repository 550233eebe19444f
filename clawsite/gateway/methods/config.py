"""config.get: what the settings say, for who sees all. A secret is shown as [secret] or null: its value is not here."""

from __future__ import annotations

import hashlib
from typing import Any

from django.conf import settings

from bots.agent.targets import list_targets
from clawsite.core.redaction import MASK
from clawsite.core.shown import read_settings, without_secrets
from clawsite.gateway.errors import check_sees_all
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method


@method("config.get", scope=Scope.READ, summary="The settings without secrets, for who sees all.")
def get_config(call: Call, params: Params) -> dict[str, Any]:
    """Return the settings by name as `env` inside the parts of a configuration that clients look for."""
    check_sees_all(call.principal)
    env = read_settings()
    raw = "".join(f"{name}={_as_text(value)}\n" for name, value in env.items())
    config = {
        "gateway": _gateway(),
        "agents": {"defaults": {"model": {"primary": without_secrets(_model())}}},
        "env": env,
    }
    return {
        "path": "environment",
        "exists": True,
        "raw": raw,
        "parsed": config,
        "valid": True,
        "config": config,
        "hash": hashlib.sha256(raw.encode()).hexdigest(),
        "issues": [],
        "warnings": [],
        "legacyIssues": [],
    }


def _gateway() -> dict[str, Any]:
    local = settings.CLAW_HOST in ("127.0.0.1", "localhost", "::1")
    bind = "loopback" if local else "custom"
    return {"mode": "local", "port": settings.CLAW_PORT, "bind": bind, "auth": {"mode": "token", "token": MASK}}


def _model() -> str:
    return list_targets()[0].name


def _as_text(value: Any) -> str:
    """Return a value as the environment would hold it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
