"""Tools that change files. Each change is a commit on the job's branch, with what was done, why and for whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bots.agent.types import Tool
from bots.code import tree
from bots.code.desk import Check, Desk, make_tool
from bots.code.tools.looking import PATH
from clawsite.core.errors import BadInput
from guardrails.redact import redact
from runbooks.workspaces import files, patching

FILE_CHARS = 200_000
EDIT_BYTES = 2 * 1024 * 1024
WHY = {
    "type": "string",
    "minLength": 3,
    "maxLength": 72,
    "description": "What this change does, as the subject of a commit: Return 404 for unknown users",
}


def make(desk: Desk) -> tuple[Tool, ...]:
    """Return the tools that change files."""
    return (
        _tool(
            desk,
            "write_file",
            "Write a whole file, new or not.",
            _write,
            {"path": PATH, "content": {"type": "string", "maxLength": FILE_CHARS}},
        ),
        _tool(
            desk,
            "edit_file",
            "Replace a text, which must stand exactly once in a file, by another.",
            _edit,
            {
                "path": PATH,
                "old": {"type": "string", "minLength": 1, "maxLength": FILE_CHARS},
                "new": {"type": "string", "maxLength": FILE_CHARS},
            },
        ),
        _tool(
            desk,
            "apply_patch",
            "Change several files at once by a unified diff.",
            _patch,
            {"patch": {"type": "string", "minLength": 1, "maxLength": FILE_CHARS}},
            subject=lambda given: "",
        ),
        _tool(desk, "delete_file", "Delete a file.", _delete, {"path": PATH}),
    )


Change = Callable[[Desk, Mapping[str, Any]], None]


def _tool(
    desk: Desk,
    name: str,
    description: str,
    change: Change,
    properties: Mapping[str, Any],
    *,
    subject: Callable[[Mapping[str, Any]], str] = lambda given: str(given["path"]),
) -> Tool:
    def work(given: Mapping[str, Any], check: Check) -> str:
        tree.check_message(given["why"])
        change(desk, given)
        sha = tree.commit(desk, given["why"])
        return f"Done, commit {sha[:10]}." if sha else "That changed nothing: it is so already."

    return make_tool(
        desk,
        name,
        description=description,
        schema={"type": "object", "properties": {**properties, "why": WHY}, "required": [*properties, "why"]},
        work=work,
        effect="write",
        subject=subject,
        summary=lambda given: redact(f"{name} {subject(given)} · {given['why']}"),
    )


def _write(desk: Desk, given: Mapping[str, Any]) -> None:
    files.write_file(desk.tree, given["path"], given["content"].encode())


def _edit(desk: Desk, given: Mapping[str, Any]) -> None:
    part = files.read_file(desk.tree, given["path"], limit=EDIT_BYTES)
    if part.size > EDIT_BYTES:
        raise BadInput("The file is too large to be edited.")
    before = part.data
    old, new = given["old"].encode(), given["new"].encode()
    times = before.count(old)
    if times != 1:
        raise BadInput(
            f"The old text stands {times} times in {given['path']}, not once. Give more of what is around it."
        )
    files.write_file(desk.tree, given["path"], before.replace(old, new))


def _patch(desk: Desk, given: Mapping[str, Any]) -> None:
    patching.apply_patch(desk.tree, given["patch"])


def _delete(desk: Desk, given: Mapping[str, Any]) -> None:
    files.delete_file(desk.tree, given["path"])
