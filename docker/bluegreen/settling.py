"""What a deployment that was killed has left: one version is made to serve everybody, and the other one stops."""

from __future__ import annotations

from collections.abc import Callable

from bluegreen.checks import Checks
from bluegreen.failure import DeployFailed, Stopped
from bluegreen.journal import Journal
from bluegreen.places import Places
from bluegreen.proxy import COLOURS, other_than


def put_back(places: Places, colour: str, release: str | None) -> None:
    """Give a place the release that it had. One that is gone from the disk is forgotten."""
    try:
        if release is not None:
            return places.put(colour, release)
    except Stopped:
        raise
    except DeployFailed:
        pass
    places.forget(colour)


class Settling:
    """Brings an installation into a state where exactly one version runs, and everybody is sent there."""

    def __init__(self, checks: Checks, journal: Journal, *, say: Callable[[str], None]) -> None:
        self._checks = checks
        self._places = checks.places
        self._proxy = checks.proxy
        self._journal = journal
        self._say = say

    def settle(self) -> str | None:
        """Return the colour that serves everybody, None when none was ever live. May be repeated."""
        live = self._proxy.live() or self._proxy.told()  # its file may be lost
        if live is None:
            for colour in COLOURS:
                self._places.stop(colour)
            kept = None
        else:
            kept = self._choose(live)
            if self._proxy.live() != kept or self._proxy.told() == other_than(kept):
                self._proxy.send_to(kept)
            self._places.keep(kept)
            self._places.stop(other_than(kept))
        self._put_back(kept)
        self._journal.settle()
        self._say(f"{kept} is live." if kept else "Nothing is live.")
        return kept

    def _put_back(self, kept: str | None) -> None:
        entry = self._journal.read()
        if entry is not None and entry.new != kept:
            put_back(self._places, entry.new, entry.before)

    def _choose(self, live: str) -> str:
        """Return who is to serve: who is live if it answers, else the other one if it is sound, else who is live."""
        other = other_than(live)
        if self._serves(live):
            return live
        if self._serves(other) and self._is_sound(other):
            self._say(f"{live} does not answer, {other} does.")
            return other
        self._say(f"Starting {live}.")
        if not self._places.is_running(live):
            self._places.start(live)
        self._checks.wait_ready(live)
        return live

    def _serves(self, colour: str) -> bool:
        return self._places.is_running(colour) and self._checks.is_ready(colour)

    def _is_sound(self, colour: str) -> bool:
        try:
            self._checks.smoke(colour)
        except Stopped:
            raise
        except DeployFailed:
            return False
        return True
