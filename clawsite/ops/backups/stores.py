"""Where backups are kept: a folder, and S3-compatible storage beside it. A name appears when all of it is there.

Names are made by us, of letters, digits, dots, dashes and slashes. What was stored under a name is never changed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from django.conf import settings

from clawsite.ops.backups.errors import BackupFailed, BadArchive
from guardrails.paths import open_beneath

_NAME = re.compile(
    r"[a-zA-Z0-9][a-zA-Z0-9_-]*(?:\.[a-zA-Z0-9_-]+)*(?:/[a-zA-Z0-9][a-zA-Z0-9_-]*(?:\.[a-zA-Z0-9_-]+)*)*"
)
_DRAFT = ".draft"
# Says whose backups a store keeps; it is in no list.
MARK = ".owner"
# Nothing that is stored goes on after a pause as long as this.
IDLE = timedelta(days=7)

Check = Callable[[], None]


class Readable(Protocol):
    """A stored thing, read from its beginning to its end."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to so many bytes, none at the end."""

    def close(self) -> None:
        """Let it go."""


class Given:
    """What a store gives. What its disk does not give is not whole, and no failure of the disk that is written to."""

    def __init__(self, source: Readable, name: str) -> None:
        self._source = source
        self._name = name

    def read(self, size: int = -1, /) -> bytes:
        """Return up to so many bytes, none at the end; BadArchive for what cannot be read."""
        try:
            return self._source.read(size)
        except OSError as error:
            raise BadArchive(f"{self._name} cannot be read: {error.strerror}.") from error

    def close(self) -> None:
        """Let it go."""
        self._source.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """What a store holds under a name."""

    name: str
    size: int


class Listing(Protocol):
    """What tells the names that it has."""

    def list(self, prefix: str = "") -> list[Stored]:
        """Return what is there, by name; BackupFailed when a place does not work."""


class Store(Listing, Protocol):
    """One place. All methods block and raise BackupFailed when it does not work."""

    @property
    def label(self) -> str:
        """What people call it; no secret."""

    def open(self, name: str) -> Readable:
        """Return what is stored under a name; BackupFailed when there is nothing."""

    def put(self, name: str, path: Path, *, check: Check = lambda: None) -> None:
        """Store a file under a name; done again, it goes on where it stopped. `check` may raise to stop it."""

    def delete(self, name: str) -> None:
        """Remove it; nothing happens when it is not there."""

    def forget_halves(self, *, idle: timedelta = IDLE) -> None:
        """Remove what of a name was stored, and nobody has gone on with for so long."""

    def read_mark(self) -> bytes | None:
        """Return what says whose store it is, None when nothing does."""

    def write_mark(self, text: bytes) -> None:
        """Say whose store it is."""


def check_name(name: str) -> str:
    """Return a name that every store can keep; BackupFailed for any other."""
    if not _NAME.fullmatch(name) or len(name) > 200 or name.endswith(_DRAFT):
        raise BackupFailed(f"{name[:100]!r} is no name of a backup.")
    return name


class FolderStore:
    """A folder of this machine, which may be on another disk. Only the service may look into it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def label(self) -> str:
        """Its path."""
        return str(self.root)

    def put(self, name: str, path: Path, *, check: Check = lambda: None) -> None:
        """Copy a file there, or move it when it lies on the same disk in a place of drafts."""
        target = self.root / check_name(name)
        draft = target.with_name(target.name + _DRAFT)
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("rb") as source, draft.open("wb") as file:
                os.fchmod(file.fileno(), 0o600)
                while data := source.read(1024 * 1024):
                    check()
                    file.write(data)
                file.flush()
                os.fsync(file.fileno())
            publish(draft, target)
        except OSError as error:
            with suppress(OSError):  # what stands in the way of the file may do so of this, too
                draft.unlink()
            raise BackupFailed(f"{self.label} cannot be written: {error.strerror}.") from error

    def open(self, name: str) -> BinaryIO:
        """Open the file."""
        try:
            return open_beneath(self.root, check_name(name))
        except OSError:
            raise BackupFailed(f"There is no backup {name} in {self.label}.") from None

    def list(self, prefix: str = "") -> list[Stored]:
        """Return the files whose names begin so. A folder that cannot be looked into is not an empty one.

        One whose name is none of ours holds nothing of ours: most disks have a lost+found, into which only root looks.
        """
        found = []
        for path in self._files():
            name = path.relative_to(self.root).as_posix()
            if name.startswith(prefix) and not name.endswith(_DRAFT):
                with suppress(FileNotFoundError):  # removed meanwhile
                    found.append(Stored(name=name, size=path.lstat().st_size))
        return sorted(found, key=lambda each: each.name)

    def _files(self) -> Iterator[Path]:
        for folder, inner, names in os.walk(self.root, onerror=self._tell_unread):
            inner[:] = [each for each in inner if _NAME.fullmatch(each)]
            yield from (Path(folder, each) for each in names if _NAME.fullmatch(each))

    def _tell_unread(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise BackupFailed(f"{error.filename or self.label} cannot be read: {error.strerror}.") from error

    def delete(self, name: str) -> None:
        """Remove the file."""
        self._remove(self.root / check_name(name))

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise BackupFailed(f"{self.label} cannot be written: {error.strerror}.") from error

    def forget_halves(self, *, idle: timedelta = IDLE) -> None:
        """Remove drafts, which a process left that was killed, by the clock of the disk."""
        touched: dict[Path, float] = {}
        for path in self._files():
            with suppress(FileNotFoundError):
                touched[path] = path.lstat().st_mtime
        latest = max(touched.values(), default=0.0)
        for path, moment in touched.items():
            if path.name.endswith(_DRAFT) and latest - moment >= idle.total_seconds():
                self._remove(path)

    def read_mark(self) -> bytes | None:
        """Read the file .owner."""
        try:
            return (self.root / MARK).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BackupFailed(f"{self.label} cannot be read: {error.strerror}.") from error

    def write_mark(self, text: bytes) -> None:
        """Write the file .owner."""
        draft = self.root / f"{MARK}{_DRAFT}"
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_bytes(text)
            draft.chmod(0o600)
            publish(draft, self.root / MARK)
        except OSError as error:
            raise BackupFailed(f"{self.label} cannot be written: {error.strerror}.") from error

    def free_bytes(self) -> int:
        """Return how much room there is."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free


def publish(draft: Path, target: Path) -> None:
    """Give a file that is whole and on the disk its name, for good."""
    draft.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def local_store() -> FolderStore:
    """Return the folder of this machine: CLAW_BACKUP_DIR, or backups in CLAW_HOME."""
    return FolderStore(Path(settings.CLAW_BACKUP_DIR))
