"""Writing the bundle: one tar.gz that its owner alone can read. A part that cannot be read says so in its place."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from pathlib import Path

from clawsite.core import audit
from clawsite.core.errors import BadInput, log_unknown
from clawsite.ops.bundle.cleaning import Cleaner
from clawsite.ops.bundle.parts import PARTS
from guardrails.types import Actor

FOLDER = "clawsite-support"
MOST_CHARS = 8_000_000


def default_name() -> str:
    """Return the name of a bundle that is made now."""
    return time.strftime("clawsite-support-%Y%m%d-%H%M%S.tar.gz", time.gmtime())


def write_bundle(path: Path, *, actor: Actor) -> dict[str, int]:
    """Write everything and return the bytes of each part. BadInput when the file is there or cannot be written."""
    cleaner = Cleaner()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as bundle:
            sizes = {name: _add(bundle, name, _read(name, cleaner)) for name in PARTS}
    except BaseException:  # Ctrl-C, too: half of one looks like a whole one
        path.unlink()
        raise
    audit.record("support.bundle", actor=actor.subject, subject="support", origin="terminal")
    return sizes


def _read(name: str, cleaner: Cleaner) -> bytes:
    try:
        value = PARTS[name]()
    except Exception as error:
        value = {"error": f"This part could not be read; error {log_unknown(error, where=name)} in the log says why."}
    if isinstance(value, str):
        return cleaner.clean(value[-MOST_CHARS:]).encode()
    return cleaner.clean_known(json.dumps(cleaner.clean_all(value), indent=1, ensure_ascii=False)).encode()


def _add(bundle: tarfile.TarFile, name: str, data: bytes) -> int:
    member = tarfile.TarInfo(f"{FOLDER}/{name}")
    member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
    bundle.addfile(member, io.BytesIO(data))
    return len(data)
