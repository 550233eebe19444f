"""Tools that look: at the tree, at files, for a text, and at what this job has changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bots.agent.types import Tool
from bots.code import tree
from bots.code.desk import Check, Desk, make_tool
from bots.code.listing import write_hits, write_listing
from runbooks.workspaces import files, search

ENTRIES, DEPTH = 500, 6
FILE_BYTES = 14 * 1024
FOUND = 100
PATH = {
    "type": "string",
    "minLength": 1,
    "maxLength": 500,
    "description": "Relative to the project, such as src/app.py",
}


def make(desk: Desk) -> tuple[Tool, ...]:
    """Return the tools that look."""
    return (_list(desk), _read(desk), _search(desk), _diff(desk))


def _list(desk: Desk) -> Tool:
    def work(given: Mapping[str, Any], check: Check) -> str:
        found = files.list_tree(desk.tree, given.get("folder", ""), depth=DEPTH, limit=ENTRIES)
        return write_listing(found) or "The folder is empty."

    return make_tool(
        desk,
        "list_files",
        description="List the files of the project, or of one folder in it.",
        schema={"type": "object", "properties": {"folder": {"type": "string", "maxLength": 500}}},
        work=work,
        subject=lambda given: given.get("folder", "") or "/",
    )


def _read(desk: Desk) -> Tool:
    def work(given: Mapping[str, Any], check: Check) -> str:
        part = files.read_file(desk.tree, given["path"], offset=given.get("offset", 0), limit=FILE_BYTES)
        end = part.offset + len(part.data)
        more = f"\n[{part.size - end} more bytes from {end} on]" if end < part.size else ""
        return (part.data.decode(errors="replace") or "There is nothing in it.") + more

    return make_tool(
        desk,
        "read_file",
        description="Read a text file. Long files come in pieces: ask again with the offset that the end names.",
        schema={
            "type": "object",
            "properties": {"path": PATH, "offset": {"type": "integer", "minimum": 0}},
            "required": ["path"],
        },
        work=work,
        subject=lambda given: given["path"],
    )


def _search(desk: Desk) -> Tool:
    def work(given: Mapping[str, Any], check: Check) -> str:
        found = search.search(desk.tree, given["text"], glob=given.get("glob", ""), limit=FOUND, regex=False)
        return write_hits(found) or "Nothing was found."

    return make_tool(
        desk,
        "search_files",
        description="Find lines that hold a text in the files of the project; glob narrows it, such as *.py.",
        schema={
            "type": "object",
            "properties": {
                "text": {"type": "string", "minLength": 1, "maxLength": 200},
                "glob": {"type": "string", "maxLength": 200},
            },
            "required": ["text"],
        },
        work=work,
        subject=lambda given: given["text"],
    )


def _diff(desk: Desk) -> Tool:
    def work(given: Mapping[str, Any], check: Check) -> str:
        return tree.diff(desk.project, desk.run.base, tree.head(desk.project, desk.tree)) or "Nothing has changed yet."

    return make_tool(
        desk,
        "show_diff",
        description="Show all that you have changed so far.",
        schema={"type": "object", "properties": {}},
        work=work,
        subject=lambda given: "",
    )
