"""What the model is told of a project before it looks for itself."""

from __future__ import annotations

import shlex

from bots.code.desk import Desk
from bots.code.listing import write_listing
from bots.code.prompting import Facts
from runbooks.workspaces.files import list_tree

DEPTH, ENTRIES = 4, 200


def read_facts(desk: Desk) -> Facts:
    """Return the project's name, type, files and commands. Reads the tree."""
    manifest = desk.manifest
    return Facts(
        name=desk.project.name,
        type=desk.project.type,
        files=write_listing(list_tree(desk.tree, depth=DEPTH, limit=ENTRIES)),
        test=shlex.join(manifest.test.argv) if manifest and manifest.test else "",
        problem=desk.problem,
        allowed=[shlex.join(prefix) for prefix in manifest.allow] if manifest else [],
    )
