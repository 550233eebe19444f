"""Who runs a command: the owner of the terminal, who has the files of this installation and so is an admin."""

from __future__ import annotations

import getpass

from guardrails.types import Actor, Role


def actor_at_terminal() -> Actor:
    """Return the person as the audit log names them, such as `cli:maria`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(subject=f"cli:{name}"[:64], role=Role.ADMIN, name=name)
