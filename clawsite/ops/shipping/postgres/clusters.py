"""A data directory that a server starts with and goes to a moment: a base backup, and the log from there on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
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
from clawsite.ops.shipping.postgres.names import HISTORY, WAL_PREFIX, Base, Wal, find_wal, is_needed, is_segment
from clawsite.ops.shipping.postgres.timelines import read_line
from guardrails.paths import check_relative, open_beneath, open_directory

# Base backups leave out whatever has a name that begins so: not all of this log again in that of a recovered server.
LOG = "pgsql_tmp_log"


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
    found = _find_bases(stores, until)
    draft = target.with_name(f"{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    try:
        archive = draft / "base.tar"
        log = _Log(stores, draft / LOG, identity=identity, proven=proven)
        base = log.choose(found)
        _fetch(stores, base.name, archive, inside="base.tar", identity=identity, proven=proven)
        _extract(archive, draft)
        archive.unlink()
        files = log.fetch(base)
        _tell_server(draft, until)
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Made(base=base, files=files)


def _find_bases(stores: Joined, until: datetime | None) -> list[Base]:
    """Return those of before a moment, oldest first, that are of the same server as the newest of them."""
    found = [base for base in bases(stores) if until is None or base.moment <= until.timestamp() * 1000]
    if not found:
        raise BackupFailed("No base backup is so old: nothing to begin the recovery with.")
    return [base for base in found if base.system == found[-1].system]


def _fetch(stores: Joined, name: str, target: Path, *, inside: str, identity: Identity, proven: bool) -> None:
    stores.read(name, partial(unwrap, target=target, name=inside, identity=identity, proven=proven))


class _Log:
    """The log of the server that is to be recovered, as far as it was fetched into a folder."""

    def __init__(self, stores: Joined, folder: Path, *, identity: Identity, proven: bool) -> None:
        self._stores = stores
        self._folder = folder
        self._identity = identity
        self._proven = proven
        folder.mkdir(mode=0o700)
        self._there = {wal for each in stores.list(WAL_PREFIX) if (wal := find_wal(each.name))}

    def choose(self, found: Sequence[Base]) -> Base:
        """Return the newest of some base backups from which the log leads to the newest timeline."""
        histories = [wal for wal in self._there if wal.system == found[-1].system and wal.file.endswith(HISTORY)]
        if not histories:
            return found[-1]
        line = read_line(self._fetch(max(histories)))
        size = self._segment_bytes(found[-1].system)
        for base in reversed(found):
            if line.holds(base, segment_bytes=size):
                return base
        raise BackupFailed("The server was put back to before all base backups of before that moment.")

    def _segment_bytes(self, system: str) -> int:
        segments = [wal for wal in self._there if wal.system == system and is_segment(wal.file)]
        return self._fetch(max(segments)).stat().st_size if segments else 0

    def fetch(self, base: Base) -> int:
        """Fetch what a recovery from a base backup may ask for; return how many files that are."""
        needed = [wal for wal in self._there if is_needed(wal, base)]
        for wal in needed:
            self._fetch(wal)
        return len(needed)

    def _fetch(self, wal: Wal) -> Path:
        target = self._folder / wal.file
        if not target.exists():
            _fetch(self._stores, wal.name, target, inside=wal.file, identity=self._identity, proven=self._proven)
        return target


def _tell_server(folder: Path, until: datetime | None) -> None:
    """Have the server read the log when it starts, up to the moment, and then serve.

    A server that finds the end of its log before its moment does not serve; one without takes that of an earlier
    recovery, which the base backup brings along, unless it is told that there is none.
    """
    moment = "" if until is None or until == END else until.isoformat()
    lines = [
        f'restore_command = \'cp "{LOG}/%f" "%p"\'',
        "recovery_target_action = 'promote'",
        f"recovery_target_time = '{moment}'",
    ]
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
