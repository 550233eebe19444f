"""One deployment, step by step: whatever goes wrong before the end leaves the old version at work.

 1 the new version takes the idle place, and says what it would change in the database
 2 it starts beside the old one and is checked: ready, a handshake, one message through
 3 the proxy sends everybody to it, and it is watched
 4 the old one finishes what it has begun and stops

Both are at work on one database between 2 and 4: leases see to it that everything is done once. A run that was
interrupted anywhere is put right by the next one, because the proxy's file alone says which colour is live.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bluegreen.failure import DeployFailed
from bluegreen.proxy import COLOURS, Proxy, ask, other_than

POLL_SECONDS = 0.2
# A name that every installation is asked under, whatever address it listens on.
LOCAL = "127.0.0.1"
# What `manage.py schemachanges` ends with when the old version could not work on the changed database.
BREAKING = 3


class Places(Protocol):
    """The two places where a version can run, by colour."""

    def put(self, colour: str, release: str) -> None:
        """Give a place a release; nothing runs there."""

    def start(self, colour: str) -> None:
        """Start what is there."""

    def stop(self, colour: str) -> None:
        """Let what runs there finish and stop; nothing to do is fine."""

    def keep(self, colour: str) -> None:
        """Have this one come back after a reboot, and not the other."""

    def is_running(self, colour: str) -> bool:
        """Tell whether it has not ended."""

    def manage(self, colour: str, *arguments: str) -> tuple[int, str]:
        """Run a management command of the release there; return its exit code and what it printed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Seconds: until the new version is ready, for the smoke tests, and for watching it before the old one stops."""

    ready: float = 120.0
    smoke: float = 60.0
    watch: float = 10.0


class Switch:
    """Puts a release in the place of the live one. `stop_first`: the old version may not see the new database."""

    def __init__(self, places: Places, proxy: Proxy, *, limits: Limits, say: Callable[[str], None]) -> None:
        self._places = places
        self._proxy = proxy
        self._limits = limits
        self._say = say

    def deploy(self, release: str | None, *, stop_first: bool = False) -> str:
        """Return the colour that is live afterwards. Without a release, what is in the idle place comes back."""
        live = self._proxy.live()
        new = COLOURS[0] if live is None else other_than(live)
        self._places.stop(new)  # what an interrupted run has left
        if release is not None:
            self._places.put(new, release)
        try:
            self._check_schema(new, stop_first=stop_first)
            if live is not None and stop_first:
                self._say(f"Stopping {live} first: nobody is served until {new} is ready.")
                self._places.stop(live)
            self._begin(new)
            self._take_over(new, was=live)
        except BaseException:
            self._go_back(live, new)
            raise
        if live is not None:
            self._say(f"Letting {live} finish.")
            self._places.stop(live)
        self._places.keep(new)
        self._say(f"{new} is live.")
        return new

    def _check_schema(self, new: str, *, stop_first: bool) -> None:
        code, text = self._places.manage(new, "schemachanges")
        if code == BREAKING and not stop_first:
            raise DeployFailed(
                f"{text}\nThe old version could not work on that. Make a backup, then deploy with --stop-first: "
                "people are not served for as long as the new one takes to start."
            )
        if code not in (0, BREAKING):
            raise DeployFailed(f"The new version does not start: {text}")
        self._say(text)

    def _begin(self, new: str) -> None:
        self._say(f"Starting {new}.")
        self._places.start(new)
        self._wait_ready(new)
        code, text = self._places.manage(new, "smoke", f"--seconds={self._limits.smoke}")
        if code:
            raise DeployFailed(f"{new} did not pass the smoke tests: {text}")
        self._say(text)

    def _wait_ready(self, new: str) -> None:
        deadline = time.monotonic() + self._limits.ready
        url = f"http://{self._proxy.addresses[new]}/readyz"
        while (answer := ask(url, host=LOCAL))[0] != 200:
            if not self._places.is_running(new):
                raise DeployFailed(f"{new} ended by itself; see its log.")
            if time.monotonic() > deadline:
                raise DeployFailed(f"{new} is not ready within {self._limits.ready:.0f} s: {answer[1]}")
            time.sleep(POLL_SECONDS)

    def _take_over(self, new: str, *, was: str | None) -> None:
        self._say(f"Sending everybody to {new}.")
        self._proxy.send_to(new)
        deadline = time.monotonic() + (self._limits.watch if was else 0.0)
        failed = 0
        while time.monotonic() < deadline:
            status, text = self._proxy.ask("/readyz")
            failed = 0 if status == 200 else failed + 1
            if failed > 1 or not self._places.is_running(new):
                raise DeployFailed(f"{new} stopped answering: {text or status}")
            time.sleep(POLL_SECONDS)

    def _go_back(self, live: str | None, new: str) -> None:
        """Put everything as it was. The old version runs unless it had to be stopped first."""
        if live is not None:
            if not self._places.is_running(live):
                self._places.start(live)
                self._wait_ready(live)
            if self._proxy.live() != live:
                self._proxy.send_to(live)
            self._say(f"{live} stays live.")
        self._places.stop(new)
