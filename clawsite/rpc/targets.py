"""Gateways from a file (JSON or TOML) or from a list of objects, each checked, with a sentence for what is wrong."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from clawsite.rpc.errors import BadTarget
from clawsite.rpc.target import GatewayTarget, TlsOptions


class _Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TlsOptions, as a file can say them."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    key_password_ref: str | None = None


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """GatewayTarget, as a file can say it."""

    id: str
    ws_url: str
    name: str = ""
    http_url: str = ""
    token_ref: str | None = None
    allowed_repos: tuple[str, ...] = ("*",)
    labels: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    capacity: int = 1
    tls: _Tls = _Tls()
    proxy: str = ""
    allow_plain: bool = False


def load_targets(path: str | Path) -> list[GatewayTarget]:
    """Return the targets of a file: a list of objects, in TOML under [[targets]]; BadTarget says what is wrong."""
    file = Path(path).expanduser()
    try:
        text = file.read_text(encoding="utf-8")
        rows = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise BadTarget(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise BadTarget(f"{file} is not {'TOML' if file.suffix == '.toml' else 'JSON'}.") from None
    if isinstance(rows, dict):
        rows = rows.get("targets")
    if not isinstance(rows, list):
        raise BadTarget(f"{file} must hold a list of targets.")
    return read_targets(rows)


def read_targets(rows: Iterable[Mapping[str, Any]]) -> list[GatewayTarget]:
    """Return a target for each object; BadTarget for a wrong one, and for two with the same id."""
    targets = [_read(row) for row in rows]
    ids = [target.id for target in targets]
    twice = sorted({target_id for target_id in ids if ids.count(target_id) > 1})
    if twice:
        raise BadTarget(f"There are several targets with the id {twice[0]}.")
    return targets


def _read(row: Any) -> GatewayTarget:
    name = row.get("id", "?") if isinstance(row, Mapping) else "?"
    try:
        values = msgspec.structs.asdict(msgspec.convert(row, _Row))
    except msgspec.ValidationError as error:
        raise BadTarget(f"Target {name}: {error}.") from None
    return GatewayTarget(**{**values, "tls": TlsOptions(**msgspec.structs.asdict(values["tls"]))})
