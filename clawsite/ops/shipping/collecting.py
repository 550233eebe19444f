"""Copies what was committed into the spool, a segment at a time; begins a new chain where something may be missing.

Every step may be the last one of this process: what is in the spool is whole, and what was not copied is still in the
log, or the next process finds that it is not and begins a new chain.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from clawsite.core.errors import ClawError
from clawsite.ops.shipping.errors import Busy, Gap, Unknown, Unsettled
from clawsite.ops.shipping.hold import Hold
from clawsite.ops.shipping.names import Part
from clawsite.ops.shipping.parts import write_segment
from clawsite.ops.shipping.spool import Spool, State, new_chain, now, this_boot
from clawsite.ops.shipping.wal import Header, Position, Wal

logger = logging.getLogger(__name__)

# With more frames than this in the log, SQLite is given the chance to begin it anew.
LONG_FRAMES = 4000
# So often in a row a log that does not settle is looked at again; then it counts as a gap.
MOST_UNSETTLED = 5


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """A view of the database for the copy that becomes a snapshot."""

    part: Part
    connection: sqlite3.Connection
    page_size: int


class Collector:
    """Copies the log of one database. Its methods exclude one another."""

    def __init__(self, database: Path, spool: Spool) -> None:
        self.spool = spool
        self.state = spool.load()
        if self.state is not None and self.state.boot == this_boot():
            spool.discard(self.state)
        self._wal = Wal(database)
        self._hold = Hold(database)
        # Nobody held the log between the last process and this one.
        self._held = False
        self._unsettled = 0
        self._turn = threading.Lock()

    def collect(self) -> bool:
        """Copy what is new; True when there was anything. Raises Gap when the chain cannot go on."""
        with self._turn:
            return self._collect()

    def _collect(self) -> bool:
        try:
            return self._advance()
        except Unsettled:
            return False

    def _advance(self) -> bool:
        """Copy what is committed now; True when there was anything.

        Raises Unsettled when that cannot be told, and Gap when it could not too often.
        """
        try:
            copied = self._copy_new()
        except Unsettled as error:
            self._unsettled += not isinstance(error, Busy)
            if self._unsettled >= MOST_UNSETTLED:
                raise Gap(error.message) from None
            raise
        self._unsettled = 0
        return copied

    def _copy_new(self) -> bool:
        state = self._chain()
        if not self._held:
            _check_boot(state)
        with self._hold.moved():
            moment = now()
            copied = self._copy(state, *self._look())
        self._held = True
        state.moment = moment
        self.spool.save(state)
        return copied

    def _look(self) -> tuple[Header | None, int]:
        """Return the log's header and how many of its frames are committed."""
        before = self._wal.header()
        committed = self._hold.committed()
        if committed is None:
            raise Busy("Another connection writes the log back.")
        if self._wal.header() != before:
            raise Unsettled("The log is being begun anew.")
        return before, committed

    def _copy(self, state: State, header: Header | None, committed: int) -> bool:
        if header is None:
            if committed or not self._held:
                raise Gap("The log is gone.")
            state.position = Position()
            return False
        start = self._wal.find_start(state.position, header, held=self._held)
        if start > committed:
            self._check_emptied(committed)
        if start >= committed:
            # Of an empty log nothing tells which salt the next writer gives it: a process of its own takes any.
            state.position = self._wal.position(header, committed)
            return False
        stretch = self._wal.stretch(header, start, committed)
        part = Part(chain=state.chain, number=state.number + 1, moment=now(), kind="seg")
        path = self.spool.path(part)
        write_segment(path, part, stretch, self._wal.images(stretch))
        state.number, state.position = part.number, stretch.end
        state.parts += 1
        state.bytes += path.stat().st_size
        return True

    def _check_emptied(self, committed: int) -> None:
        """Raise when less of the log is committed than was copied, but for one that is being begun anew.

        Who does that tells all connections first, and gives the file its new header with the first frame. Until then
        nothing is committed in it; and the writer may end there.
        """
        if committed:
            raise Gap("The log is shorter than what was copied of it.")
        if not self._held:
            raise Unsettled("The log is being begun anew.")

    def is_long(self) -> bool:
        """Tell whether the log should be begun anew."""
        return self.state is not None and self.state.position.frames > LONG_FRAMES

    def shorten(self) -> None:
        """Let SQLite begin the log anew: copy the rest while nobody writes, so that all of it can be written back."""
        with self._turn:
            self._collect()
            with self._hold.quiet() as quiet:
                if quiet:
                    # The first copies the rest, the second has it written back, the third needs the log no more.
                    for _ in range(3):
                        self._collect()

    def freeze(self, *, anew: bool, before: str = "") -> Frozen:
        """Keep a view for a snapshot, with `anew` as the beginning of a new chain; may raise Unsettled.

        before: the newest chain that is known otherwise, which a new one comes after as it does after our own.

        The view is a little newer than the last segment. What was committed in between is in the next one, which is
        copied before this returns: so it belongs to whatever is recovered from the moment of the snapshot on.
        """
        with self._turn:
            if anew:
                self._begin(before)
            state = self._chain()
            number = state.number
            connection = self._hold.freeze()
            try:
                self._advance()
                page_size = connection.execute("PRAGMA page_size").fetchone()[0]
            except BaseException:
                connection.close()
                raise
        part = Part(chain=state.chain, number=number, moment=now(), kind="snap")
        return Frozen(part=part, connection=connection, page_size=page_size)

    def _begin(self, before: str) -> None:
        """Begin a chain at what is committed now."""
        with self._hold.moved():
            position = self._wal.position(*self._look())
            chain = new_chain(max(before, self.state.chain if self.state is not None else ""))
            self.state = State(chain=chain, position=position, boot=this_boot())
        self._held = True
        self._unsettled = 0
        self.spool.save(self.state)

    def note_snapshot(self, frozen: Frozen, size: int) -> None:
        """Count from a snapshot that is in the spool."""
        with self._turn:
            state = self._chain()
            if state.chain == frozen.part.chain:
                state.snapshot_at, state.snapshot_bytes = frozen.part.moment, size
                state.parts = state.number - frozen.part.number
                state.bytes = 0
                self.spool.save(state)

    def _chain(self) -> State:
        if self.state is None:
            raise Gap("There is no chain yet.")
        return self.state

    def close(self) -> None:
        """Copy once more, if that can be done, and let the log go."""
        with contextlib.suppress(sqlite3.Error, OSError, ClawError):
            self.collect()
        self.abandon()

    def abandon(self) -> None:
        """Let the log go as it is: SQLite may begin it anew from now on."""
        with self._turn:
            self._hold.close()
            self._wal.close()


def _check_boot(state: State) -> None:
    """Raise Gap when the machine was started anew meanwhile, or Unknown when it may have been.

    Its disk may have forgotten the end of what it was told: then the numbers that follow are in the stores already.
    """
    if not state.boot and this_boot():
        raise Unknown("What is on record of the log does not say since which start of the machine it was copied.")
    if state.boot != this_boot():
        raise Gap("The machine was started anew since the log was copied.")
