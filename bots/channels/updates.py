"""Reading the fields of updates that we store ourselves, for channels whose far end is a page or a program of ours.

Invariant: pure functions; whatever the JSON holds, the only error is `Unparsed`. A file lies at
`CLAW_HOME/media/uploads/<folder>/<name>`; one outside of the sender's own folder is refused, whoever stored the row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bots.channels.base import InboundFile, Unparsed
from bots.channels.rich import clean_text

UPLOADS = "uploads"
KINDS = frozenset({"photo", "document", "voice", "audio", "video"})
MAX_FILES = 10
MAX_TEXT = 65_536


def read_text(raw: Mapping[str, Any], key: str, limit: int) -> str:
    """Return a field's text without what no database stores, at most so long; "" when it is no text."""
    value = raw.get(key)
    return clean_text(value)[:limit] if isinstance(value, str) else ""


def read_date(value: object) -> float:
    """Return seconds since 1970, 0 for anything else."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and -1e12 < value < 1e12
    return float(value) if usable and math.isfinite(value) else 0.0  # type: ignore[arg-type]


def read_files(value: object, *, folder: str) -> tuple[InboundFile, ...]:
    """Return the files that came along; Unparsed for one that is not in the sender's folder."""
    items = value if isinstance(value, list) else []
    found = (_file(item, folder) for item in items[:MAX_FILES] if isinstance(item, dict))
    return tuple(file for file in found if file is not None)


def _file(item: Mapping[str, Any], own: str) -> InboundFile | None:
    folder, _, name = read_text(item, "ref", 301).partition("/")
    if folder != own or not name or "/" in name or name in {".", ".."} or len(name) > 200:
        raise Unparsed("A file is not in the sender's folder.")
    size = item.get("size")
    known = isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**50
    return InboundFile(
        kind=kind if (kind := read_text(item, "kind", 10)) in KINDS else "document",
        ref=f"{folder}/{name}",
        name=read_text(item, "name", 255),
        mime=read_text(item, "mime", 100),
        size=size if known else 0,  # type: ignore[arg-type]
    )
