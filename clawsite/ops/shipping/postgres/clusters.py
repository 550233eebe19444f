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
from clawsite.ops.shipping.postgres.names import HISTORY, WAL_PREFIX, Base, Wal, find_wal, is_needed
from clawsite.ops.shipping.postgres.timelines import End, Line, read_end, read_line
from guardrails.paths import check_relative, open_beneath, open_directory

# Base backups leave out whatever has a name that begins so: not all of this log again in that of a recovered server.
LOG = "pgsql_tmp_log"


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What a data directory was made of."""

    base: Base
    files: int
    timeline: int


def make_cluster(
    stores: Joined,
    target: Path,
    *,
    identity: Identity,
    until: datetime | None = None,
    timeline: int | None = None,
    proven: bool = True,
) -> Made:
    """Make a data directory where there is none. A server of the same version that starts there goes to the moment.

    timeline: along which; the newest one for None. An earlier one leads to what an earlier recovery has left behind.

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
        line = log.find_line(found[-1].system, timeline)
        base = log.choose(found, line)
        _fetch(stores, base.name, archive, inside="base.tar", identity=identity, proven=proven)
        _extract(archive, draft)
        archive.unlink()
        files = log.fetch(base)
        _tell_server(draft, until, timeline)
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Made(base=base, files=files, timeline=line.newest)


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

    def find_line(self, system: str, timeline: int | None) -> Line:
        """Return the way that leads to a timeline of a server, to the newest one for None."""
        histories = [wal for wal in self._there if wal.system == system and wal.file.endswith(HISTORY)]
        if timeline is None:
            return read_line(self._fetch(max(histories))) if histories else Line(newest=self._newest(system), left={})
        if timeline == 1:
            return Line(newest=1, left={})
        history = Wal(system=system, file=f"{timeline:08X}{HISTORY}")
        if history not in histories:
            raise BadInput(f"No store knows of a timeline {timeline} of this server.")
        return read_line(self._fetch(history))

    def _newest(self, system: str) -> int:
        return max((int(wal.file[:8], 16) for wal in self._there if wal.system == system), default=1)

    def choose(self, found: Sequence[Base], line: Line) -> Base:
        """Return the newest of some base backups that the log has whole and leads on from."""
        for base in reversed(found):
            end = self._find_end(base)
            if end is not None and line.holds(base, end):
                return base
        raise BackupFailed("No base backup of before that moment is one that the log in the stores leads on from.")

    def _find_end(self, base: Base) -> End | None:
        """Return where a base backup was whole; None when not all of the log until then has come to a store."""
        notes = [wal for wal in self._there if wal.system == base.system and wal.file.startswith(f"{base.first}.")]
        end = read_end(self._fetch(max(notes))) if notes else None
        return end if end is not None and Wal(system=base.system, file=end.file) in self._there else None

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


def _tell_server(folder: Path, until: datetime | None, timeline: int | None = None) -> None:
    """Have the server read the log when it starts, up to the moment or the end of a timeline, and then serve.

    A server that finds the end of its log before its moment does not serve; one without takes that of an earlier
    recovery, which the base backup brings along, unless it is told that there is none.
    """
    moment = "" if until is None or until == END else until.isoformat()
    lines = [
        f'restore_command = \'cp "{LOG}/%f" "%p"\'',
        "recovery_target_action = 'promote'",
        f"recovery_target_time = '{moment}'",
        f"recovery_target_timeline = '{timeline or 'latest'}'",
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
