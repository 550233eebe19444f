"""What may not come into a project from a chat: programs for machines, and files that hold keys."""

from __future__ import annotations

from pathlib import PurePosixPath

from clawsite.core.errors import BadInput
from guardrails.secrets import find_secrets
from runbooks.workspaces.files import is_secret

_PROGRAMS = (
    b"\x7fELF", b"MZ", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe", b"dex\n", b"\x00asm",
)  # fmt: skip


def check_upload(path: str, data: bytes) -> None:
    """Raise BadInput for an executable, by its content, and for what holds a key or is named like it."""
    if data.startswith(_PROGRAMS):
        raise BadInput(f"{path[:100]} is a program. Programs are not taken from a chat.")
    if any(is_secret(part) for part in PurePosixPath(path).parts):
        raise BadInput(f"{path[:100]} is named like a file that holds keys, and is not taken into a repository.")
    if find_secrets(data.decode("utf-8", "ignore")):
        raise BadInput(f"{path[:100]} holds a key or a password, and is not taken into a repository.")
