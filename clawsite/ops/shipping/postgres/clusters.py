"""A data directory that a server starts with and goes to a moment: a base backup, and the log from there on."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from clawsite.core.errors import BadInput, ClawError
from clawsite.ops.backups.bounds import Bounds, Count
from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.identity import Identity
from clawsite.ops.backups.joined import Joined
from clawsite.ops.backups.moments import END
from clawsite.ops.backups.tar import CHUNK, Member, TarReader
from clawsite.ops.shipping.postgres.archiving import bases
from clawsite.ops.shipping.postgres.files import unwrap
from clawsite.ops.shipping.postgres.names import WAL_PREFIX, Base, find_wal, is_needed
from guardrails.paths import check_relative, open_beneath, open_directory

LOG = "claw_wal"


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What a data directory was made of."""

    base: Base
    files: int


def make_cluster(
    stores: Joined, target: Path, *, identity: Identity, until: datetime | None = None, proven: bool = True
) -> Made:
    """Make a data directory where there is none. A server of the same version that starts there goes to the moment.

    Nothing has the name of `target` before all of it is there.
    """
    if target.exists():
        raise BadInput(f"{target} is there already. Give a directory that is to be made.")
    base = _find_base(stores, until)
    draft = target.with_name(f"{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    try:
        archive = draft / "base.tar"
        _fetch(stores, base.name, archive, inside="base.tar", identity=identity, proven=proven)
        _extract(archive, draft)
        archive.unlink()
        files = _fetch_log(stores, base, draft / LOG, identity=identity, proven=proven)
        _tell_server(draft, until)
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Made(base=base, files=files)


def _find_base(stores: Joined, until: datetime | None) -> Base:
    found = [base for base in bases(stores) if until is None or base.moment <= until.timestamp() * 1000]
    if not found:
        raise BackupFailed("No base backup is so old: nothing to begin the recovery with.")
    return found[-1]


def _fetch(stores: Joined, name: str, target: Path, *, inside: str, identity: Identity, proven: bool) -> None:
    stores.read(name, partial(unwrap, target=target, name=inside, identity=identity, proven=proven))


def _fetch_log(stores: Joined, base: Base, folder: Path, *, identity: Identity, proven: bool) -> int:
    folder.mkdir(mode=0o700)
    needed = [file for each in stores.list(WAL_PREFIX) if (file := find_wal(each.name)) and is_needed(file, base)]
    for file in needed:
        _fetch(stores, f"{WAL_PREFIX}{file}.age", folder / file, inside=file, identity=identity, proven=proven)
    return len(needed)


def _tell_server(folder: Path, until: datetime | None) -> None:
    """Have the server read the log when it starts, up to the moment, and then serve."""
    lines = [f'restore_command = \'cp "{LOG}/%f" "%p"\'', "recovery_target_action = 'promote'"]
    if until is not None and until != END:  # a server does not serve when it finds the end of the log first
        lines.append(f"recovery_target_time = '{until.isoformat()}'")
    with (folder / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write("\n".join(["", *lines, ""]))
    (folder / "recovery.signal").touch()


def _extract(archive: Path, folder: Path) -> None:
    """Take a base backup apart: plain files and folders, each below the directory."""
    files = _Files(folder)
    reader = TarReader(files)
    try:
        with archive.open("rb") as source:
            while data := source.read(CHUNK):
                reader.write(data)
        reader.finish()
    finally:
        files.close()


class _Files:
    """The sink of a base backup, whose seal was compared already."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._count = Count(Bounds.of_settings())
        self._file: BinaryIO | None = None

    def begin(self, member: Member) -> None:
        """Open the member's file, or make its folder."""
        self._count.check_read(member)
        name = member.name.removeprefix("./")  # as the server writes some of them
        try:
            if member.is_directory:
                with open_directory(self._root, check_relative(name), create=True) as descriptor:
                    os.fchmod(descriptor, 0o700)
            else:
                self._file = open_beneath(self._root, name, mode="xb", create_parents=True)
                os.fchmod(self._file.fileno(), 0o600)
        except (ValueError, ClawError, FileExistsError):
            raise BadArchive(f"The base backup holds {member.name[-100:]!r}, which cannot be a file of it.") from None

    def data(self, data: memoryview) -> None:
        """Write the next bytes."""
        if self._file is not None:
            self._file.write(data)

    def end(self) -> None:
        """Close the member's file."""
        self.close()

    def close(self) -> None:
        """Close what is open."""
        if self._file is not None:
            self._file.close()
        self._file = None
