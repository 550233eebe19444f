"""What a deployment is doing, on the disk: what is left of one that was killed says where it was.

Invariant: there is a record from before anything changes until everything is settled.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bluegreen.failure import DeployFailed
from bluegreen.files import write_safely


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """new: the colour that is to be live. was: which one was. release: what is put there, before: what was there."""

    new: str
    was: str | None
    release: str
    before: str | None
    step: str


class Journal:
    """The record of one deployment, a file beside the proxy's."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> Entry | None:
        """Return what is recorded, None when everything is settled."""
        try:
            return Entry(**json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise DeployFailed(f"{self._file} cannot be read. Remove it, then: deploy settle") from None

    def begin(self, entry: Entry) -> None:
        """Record a deployment before it changes anything."""
        write_safely(self._file, json.dumps(asdict(entry)))

    def note(self, step: str) -> None:
        """Record how far it is."""
        if entry := self.read():
            self.begin(replace(entry, step=step))

    def settle(self) -> None:
        """Record that nothing is left to do."""
        self._file.unlink(missing_ok=True)
