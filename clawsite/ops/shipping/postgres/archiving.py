"""The worker's part: files of the log from CLAW_WAL_DIR to the stores, a base backup a day, and what is old away."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from clawsite.core.errors import ClawError
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.stores import Listing, Store
from clawsite.ops.shipping.ages import ages
from clawsite.ops.shipping.postgres.bases import take_base
from clawsite.ops.shipping.postgres.files import wrap
from clawsite.ops.shipping.postgres.names import (
    BASE_PREFIX,
    BASELESS,
    SUFFIX,
    WAL_FILE,
    WAL_PREFIX,
    Base,
    Wal,
    find_base,
    find_wal,
    is_needed,
    is_segment,
)
from clawsite.ops.shipping.postgres.systems import Systems
from clawsite.ops.shipping.sending import Claim, trust, with_all
from clawsite.ops.shipping.spool import Spool, now
from clawsite.ops.shipping.takers import Takers

DAY = 86_400_000
# So much may wait for stores that are away while another one takes it: a server that writes fills it in half an hour.
MOST_BYTES = 4 * 1024**3
# A base backup leaves so much free, for the server puts its log on the same disk meanwhile.
LEAST_FREE = 512 * 1024**2


RIGHTS = (
    "A group that the server's user and ours are in must own the folder and write to it (chgrp, chmod 2770); what "
    "`manage.py postgreslog settings` prints lets it read the files."
)


def archive_settings(folder: Path) -> dict[str, str]:
    """Return what the server's configuration needs.

    The command may be run again for a file that is there, and must not change another one. A file has its name when
    it is whole and on the disk, and the server forgets its own when the name is there, too. The group may read it:
    the server's files are its user's alone, who is hardly ours.
    """
    command = (
        f'if test -f "{folder}/%f"; then cmp -s "%p" "{folder}/%f"; '
        f'else cp "%p" "{folder}/.%f" && chmod g+r "{folder}/.%f" && sync "{folder}/.%f" '
        f'&& mv "{folder}/.%f" "{folder}/%f"; fi && sync "{folder}"'
    )
    return {"wal_level": "replica", "archive_mode": "on", "archive_timeout": "5", "archive_command": command}


class Archiving:
    """The work on one folder, which its spool says is ours."""

    def __init__(self, folder: Path, spool: Spool, stores: Sequence[Store], *, claim: Claim = trust) -> None:
        self._folder = folder
        self._spool = spool
        self._base = spool.root / "base"
        self._stores = stores
        self._claim = claim
        self._takers: Takers[Wal] = Takers(stores)
        self._ends = threading.Event()
        # What a base backup took of the disk when there was no more room for it.
        self._base_bytes = 0
        self._sending, self._backing_up = threading.Lock(), threading.Lock()
        self._systems = Systems(folder)
        # The segment of the log that came here last, and all that waited at the last look.
        self._seen: Wal | None = None
        self._waiting: set[Wal] = set()
        self._baseless = spool.root / BASELESS
        # Whether a store was found whose newest base backup the log goes on from.
        self._leads = False

    def clear(self) -> None:
        """Remove what a process left half done that was killed: it may be as large as the database."""
        shutil.rmtree(self._base, ignore_errors=True)
        for left in self._spool.root.glob(self._wrapped(f"{WAL_PREFIX}*{SUFFIX}").name):
            left.unlink(missing_ok=True)

    def end(self) -> None:
        """Have all that is under way end soon: a base backup may take hours, and the next process takes another."""
        self._ends.set()

    def wait(self) -> None:
        """Wait until nothing is under way any more: the next process uses the same files."""
        with self._sending, self._backing_up:
            pass

    def _check_end(self) -> None:
        if self._ends.is_set():
            raise BackupFailed("The worker ends before the base backup is whole.")

    def _check_base(self) -> None:
        """Raise when a base backup must end, or takes the room that the server needs for its log."""
        self._check_end()
        if self._free() < LEAST_FREE:
            found = (path.stat().st_size for path in self._base.rglob("*") if path.is_file())
            self._base_bytes = max(self._base_bytes, sum(found))
            raise BackupFailed(f"{self._folder} has no room for a base backup. Put it on a larger disk.")

    def _free(self) -> int:
        return shutil.disk_usage(self._spool.root).free

    def send(self) -> int:
        """Bring finished files to every store, oldest first, and remove those that all have; return how many.

        What one store does not take waits, and the others get it all the same. Raises what a store raised. What none
        has taken waits for ever, and so does the server when its disk is full.
        """
        with self._sending:
            return self._send()

    def _send(self) -> int:
        names = sorted(name for name in (path.name for path in self._folder.iterdir()) if WAL_FILE.fullmatch(name))
        try:
            systems = self._systems.look(names)
        except PermissionError as error:
            raise BackupFailed(f"{error.filename} cannot be read. {RIGHTS}") from error
        files = [Wal(system=systems[name], file=name) for name in names if name in systems]
        self._note_seen(files)
        try:
            with_all(self._stores, lambda store: self._fill(store, files))
        finally:
            everywhere = self._takers.everywhere(files)
            sizes = [(wal, (self._folder / wal.file).stat().st_size) for wal in files if wal not in everywhere]
            excess = sum(size for _, size in sizes) - MOST_BYTES
            for wal in (*everywhere, *self._takers.spare(sizes, excess)):
                (self._folder / wal.file).unlink()
                self._takers.forget(wal)
        return len(everywhere)

    def _note_seen(self, files: Sequence[Wal]) -> None:
        """Know what came last: not by name, for what waits for a store may be of the server before this one."""
        new = [wal for wal in files if is_segment(wal.file) and wal not in self._waiting]
        self._waiting = set(files)
        self._seen = max(new, key=self._came, default=self._seen)

    def _came(self, wal: Wal) -> tuple[int, str]:
        return (self._folder / wal.file).stat().st_mtime_ns, wal.file

    def _fill(self, store: Store, files: Sequence[Wal]) -> None:
        for wal in self._takers.lacks(store, files):
            if self._ends.is_set():
                return
            self._send_file(store, wal)
            self._takers.note(store, wal)
        self._takers.note_all(store)

    def _send_file(self, store: Store, wal: Wal) -> None:
        wrapped = self._wrapped(wal.name)
        try:
            wrap(self._folder / wal.file, wrapped, name=wal.file)
            self._put(wrapped, wal.name, [store])
        finally:
            wrapped.unlink(missing_ok=True)

    def back_up(self) -> bool:
        """Bring a base backup to the stores whose newest one is a day old; True when all of those have it.

        Another one is needed, too, where what is archived does not go on from it: after a server took the place of the
        one before, or was put back to a moment.

        One that a store did not take waits for it for a day. A new one each time would be as much work for the server,
        what the store has of each would stay there.
        """
        with self._backing_up:
            return self._back_up()

    def _back_up(self) -> bool:
        due: list[Store] = []
        self._leads = False
        try:
            with_all(self._stores, lambda store: due.extend([store] if self._is_due(store) else []))
        except ClawError:
            if not due:
                raise
        finally:
            self._note_baseless(due)
        base = self._find_waiting()
        if due:
            base = base or self._take()
            self._put(self._wrapped(base.name), base.name, due)
            self._baseless.unlink(missing_ok=True)
        if base is not None:
            self._wrapped(base.name).unlink()
        return bool(due)

    def _note_baseless(self, due: Sequence[Store]) -> None:
        """Keep since when no store has a base backup that the log goes on from: until then it leads to no moment."""
        if self._leads:
            self._baseless.unlink(missing_ok=True)
        elif due and not self._baseless.exists():
            self._baseless.touch()

    def _find_waiting(self) -> Base | None:
        """Return the base backup that waits; one that is too old by now is removed."""
        found = [find_base(path.name.replace("-", "/", 1)) for path in self._spool.root.glob(f"*{SUFFIX}")]
        waiting = sorted(base for base in found if base is not None)
        fresh = [base for base in waiting if abs(now() - base.moment) < DAY and self._goes_on_from(base)][-1:]
        for base in waiting:
            if base not in fresh:
                self._wrapped(base.name).unlink()
        return fresh[0] if fresh else None

    def _take(self) -> Base:
        shutil.rmtree(self._base, ignore_errors=True)
        if self._free() < self._base_bytes + LEAST_FREE:
            raise BackupFailed(f"{self._folder} still has no room for a base backup. Put it on a larger disk.")
        self._base.mkdir(mode=0o700)
        try:
            taken = take_base(self._base, check=self._check_base)
            self._seen = Wal(system=taken.system, file=taken.first)
            base = Base(moment=now(), first=taken.first, system=taken.system)
            draft = self._base / "wrapped"
            wrap(taken.path, draft, name="base.tar", check=self._check_base)
            draft.replace(self._wrapped(base.name))
            self._base_bytes = 0
        finally:
            shutil.rmtree(self._base, ignore_errors=True)
        return base

    def forget(self, *, keep: int) -> None:
        """Remove what is not needed to recover any moment of the last so many milliseconds."""
        with_all(self._stores, lambda store: self._forget(store, keep))

    def _forget(self, store: Store, keep: int) -> None:
        self._claim(store)
        found = bases(store)
        behind = ages([base.moment for base in found], most=DAY)
        old = [base for base, age in zip(found, behind, strict=True) if age >= keep]
        # A newer one may begin earlier in the log: that of another server, or of one that was put back to a moment.
        kept = found[len(old) - 1 :]
        for base in old[:-1]:
            store.delete(base.name)
        for each in store.list(WAL_PREFIX) if old else ():
            wal = find_wal(each.name)
            if wal is not None and not any(is_needed(wal, base) for base in kept):
                store.delete(each.name)

    def _wrapped(self, name: str) -> Path:
        # A file of its own: the log goes on while a base backup is stored.
        return self._spool.root / name.replace("/", "-")

    def _put(self, path: Path, name: str, stores: Sequence[Store]) -> None:
        def put(store: Store) -> None:
            self._claim(store)
            store.put(name, path, check=self._check_end)

        with_all(stores, put)

    def _is_due(self, store: Store) -> bool:
        newest = max(bases(store), default=None)
        leads = newest is not None and self._goes_on_from(newest)
        self._leads = self._leads or leads
        return newest is None or not leads or now() - newest.moment >= DAY

    def _goes_on_from(self, base: Base) -> bool:
        """Tell whether the log that is archived leads on from a base backup, as far as is known."""
        seen = self._seen or Wal(system=base.system, file=base.first)
        is_same = (seen.system, seen.file[:8]) == (base.system, base.first[:8])
        return is_same and seen.file >= base.first


def bases(store: Listing) -> list[Base]:
    """Return the base backups in a store, oldest first; none from a clock that was ahead, which would be the newest."""
    found = (find_base(each.name) for each in store.list(BASE_PREFIX))
    return sorted(base for base in found if base is not None and base.moment <= now())
