"""How lists of files and of found lines are told to the model. Pure."""

from __future__ import annotations

from runbooks.workspaces.files import Listing
from runbooks.workspaces.search import Hits

MARKS = {"folder": "/", "link": " (a link)", "other": " (no file)"}
MORE = "[there is more]"


def write_listing(found: Listing) -> str:
    """Return a line for each name: folders end with a slash, files are followed by their size."""
    lines = [
        f"{entry.shown} ({entry.size} bytes)" if entry.kind == "file" else f"{entry.shown}{MARKS[entry.kind]}"
        for entry in found.entries
    ]
    return "\n".join([*lines, *([MORE] if found.more else [])])


def write_hits(found: Hits) -> str:
    """Return a line for each line that was found."""
    lines = [f"{hit.path}:{hit.line}: {hit.text}" for hit in found.hits]
    return "\n".join([*lines, *([MORE] if found.more else [])])
