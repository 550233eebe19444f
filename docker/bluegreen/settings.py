"""Files of NAME=value lines: the settings of an installation, and the .env file of a compose file."""

from __future__ import annotations

import re
from pathlib import Path

from bluegreen.files import write_safely

_LINE = re.compile(r"^(?:export\s+)?([A-Z][A-Z0-9_]*)=(.*)$")


def read_settings(path: Path) -> dict[str, str]:
    """Return the settings of a file of NAME=value lines; quotes around a value are removed."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    found = (_LINE.match(line.strip()) for line in lines)
    return {match[1]: match[2].strip().strip("\"'") for match in found if match}


def write_setting(path: Path, name: str, value: str | None) -> None:
    """Set one line of such a file, or remove it; the others stay as they are."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    kept = [line for line in lines if not line.startswith(f"{name}=")]
    added = [] if value is None else [f"{name}={value}"]
    write_safely(path, "".join(f"{line}\n" for line in [*kept, *added]))
