"""Parts that no store has yet, on the disk beside the database, and how far the log was copied.

The position is written after the part that leads to it, and only then a store gets the part. Who dies in between leaves
a part that nobody has seen: the next process throws it away and copies the same frames again.

This is a file and not a row, because each row that is written makes more of the log that is to be copied.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from clawsite.core.filelocks import try_own
from clawsite.ops.shipping.names import PREFIX, Part, find_part
from clawsite.ops.shipping.wal import Position

FOLDER = "shipping"
# So much may wait for the stores, and a snapshot, which may be larger than that.
SPOOL_BYTES = 1024**3
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class State(msgspec.Struct, kw_only=True):
    """Where a chain has come to. `bytes` and `parts` are of the segments since its newest snapshot.

    `moment` is when the log was last seen to be copied to its end, `boot` the start of the machine during which this
    was written.
    """

    chain: str
    number: int = 0
    position: Position = msgspec.field(default_factory=Position)
    moment: int = 0
    boot: str = ""
    snapshot_at: int = 0
    snapshot_bytes: int = 0
    parts: int = 0
    bytes: int = 0

    def leads_to(self, part: Part) -> bool:
        """Tell whether a part is of another chain, or one that this counts already."""
        return part.chain != self.chain or part.number <= self.number

    def knows(self, part: Part) -> bool:
        """Tell whether a part of the stores is none that has come after this was written."""
        return part.chain < self.chain or (part.chain == self.chain and part.number <= self.number)


class Spool:
    """A folder that one process of this machine owns."""

    def __init__(self, home: Path) -> None:
        self.root = home / FOLDER
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock: int | None = None

    def take(self) -> bool:
        """Own the folder until this process ends, however it ends; False when another one does.

        A lock of the machine: with SQLite there is only one, and a lease would be written, see above.
        """
        if self._lock is None:
            lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not try_own(lock):
                os.close(lock)
                return False
            self._lock = lock
        return True

    def release(self) -> None:
        """Let others own it."""
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    def path(self, part: Part) -> Path:
        """Return where a part lies; its folder is there."""
        folder = self.root / part.chain
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / Path(part.name).name

    def parts(self) -> list[Part]:
        """Return what waits to be stored, oldest first."""
        return waiting(self.root)

    def ready(self) -> list[Part]:
        """Return what may be stored, oldest first: the same number is never given to a store for something else."""
        parts, state = self.parts(), self.load()
        return [part for part in parts if state is None or state.leads_to(part)]

    def discard(self, state: State) -> None:
        """Remove the part that a process wrote when it died, before it wrote the position."""
        for part in self.parts():
            if not state.leads_to(part):
                self.remove(part)

    def remove(self, part: Part) -> None:
        """Forget a part that the stores have."""
        self.path(part).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove what a process that was killed left half done, and folders of chains that are over."""
        for draft in (*self.root.glob("*/*.draft"), *self.root.glob("*.copy*")):
            draft.unlink(missing_ok=True)
        for folder in self.root.glob("*-*/"):
            if not any(folder.iterdir()):
                folder.rmdir()

    def load(self) -> State | None:
        """Return what was saved last, None when there is nothing that can be read."""
        return read_state(self.root)

    def save(self, state: State) -> None:
        """Replace what was saved."""
        draft = self.root / "state.draft"
        draft.write_bytes(msgspec.json.encode(state))
        draft.replace(self.root / "state.json")


def read_state(root: Path) -> State | None:
    """Return the state in a folder, for whoever looks from outside."""
    try:
        return msgspec.json.decode((root / "state.json").read_bytes(), type=State)
    except (OSError, msgspec.MsgspecError):
        return None


def waiting(root: Path) -> list[Part]:
    """Return the parts in a folder, oldest first, for whoever looks from outside."""
    found = []
    for path in root.glob("*/*"):
        with suppress(FileNotFoundError):  # sent meanwhile
            found.append(find_part(f"{PREFIX}{path.parent.name}/{path.name}", size=path.stat().st_size))
    return sorted(part for part in found if part is not None)


def newest_snapshot(parts: Sequence[Part]) -> Part | None:
    """Return that of some parts with which a recovery begins."""
    return next((part for part in reversed(parts) if part.kind == "snap"), None)


def burden(parts: Sequence[Part]) -> int:
    """Return how many bytes wait besides the newest snapshot."""
    kept = newest_snapshot(parts)
    return sum(part.size for part in parts if part != kept)


def now() -> int:
    """Return the moment as names tell it."""
    return time.time_ns() // 1_000_000


def new_chain(before: str) -> str:
    """Return the name of a chain that begins now. It is behind the one before it, also when the clock was set back."""
    moment = max(now(), int(before[:13]) + 1) if before else now()
    return f"{moment:013d}-{secrets.token_hex(4)}"


def this_boot() -> str:
    """Return what tells this start of the machine from others, "" where the system does not say."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
