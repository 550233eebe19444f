"""One supervisor for one CLAW_HOME: the lock, and the record of its children by which a later one knows orphans.

The children hold the lock too. So a new supervisor asks those of a killed one to stop, waits until they are gone, and
kills who stays (see succession).
"""

from __future__ import annotations

import json
import logging
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from clawsite.core.errors import ClawError
from clawsite.core.filelocks import try_lock
from clawsite.core.process import find_start, is_alive
from clawsite.ops.succession import end_announcement

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1


class AlreadyRunning(ClawError):
    """Another supervisor serves this CLAW_HOME."""

    code = "already_running"


class HomeLock:
    """The right to supervise a CLAW_HOME, for as long as this process or a child of it lives."""

    def __init__(self, run_dir: Path) -> None:
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._record = run_dir / "supervisor.json"
        self._fd = os.open(run_dir / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)

    def take(self, *, seconds: float) -> None:
        """Take the lock; AlreadyRunning when its supervisor lives. Orphans of a dead one get so many seconds."""
        end_announcement()  # an orphan that is not in the record is not asked: it stops because nobody is coming
        deadline, asked = time.monotonic() + seconds, False
        while not try_lock(self._fd):
            record = self._read()
            if is_alive(record["pid"], started=record["started"]):
                raise AlreadyRunning(f"clawsite already runs here (pid {record['pid']}). Stop it first.")
            if not asked:
                self._ask_orphans(record)
                asked = True
            if time.monotonic() > deadline:
                self._kill_orphans(record)
                deadline += seconds
            time.sleep(POLL_SECONDS)
        self.note_children([])

    def release(self) -> None:
        """Give the right back."""
        os.close(self._fd)

    def note_children(self, children: list[tuple[int, int]]) -> None:
        """Write down who our children are (pid and start time of each)."""
        own = os.getpid()
        text = json.dumps({"pid": own, "started": find_start(own), "children": children})
        draft = self._record.with_suffix(".draft")
        with suppress(OSError):  # a full disk: the record only matters after an accident
            draft.write_text(text, encoding="utf-8")
            draft.replace(self._record)

    def _read(self) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads(self._record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            record = {}
        return {"pid": 0, "started": 0, "children": []} | record

    def _ask_orphans(self, record: dict[str, Any]) -> None:
        for pid, started in record["children"]:
            if is_alive(pid, started=started):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)

    def _kill_orphans(self, record: dict[str, Any]) -> None:
        for pid, started in record["children"]:
            if is_alive(pid, started=started):
                logger.warning("killing process %d, left over by a supervisor that was killed", pid)
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
