"""What a version has to pass before anybody is sent to it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bluegreen.failure import DeployFailed
from bluegreen.places import Places
from bluegreen.proxy import Proxy, ask

POLL_SECONDS = 0.2
# A name that every installation is asked under, whatever address it listens on.
LOCAL = "127.0.0.1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Seconds: until the new version is ready, for the smoke tests, and for watching it before the old one stops."""

    ready: float = 120.0
    smoke: float = 60.0
    watch: float = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Checks:
    """The checks of an installation."""

    places: Places
    proxy: Proxy
    limits: Limits

    def is_ready(self, colour: str) -> bool:
        """Tell whether it says itself that it is ready."""
        return self._ask(colour)[0] == 200

    def wait_ready(self, colour: str) -> None:
        """Wait until it is; DeployFailed when it ends before, or takes too long."""
        deadline = time.monotonic() + self.limits.ready
        while (answer := self._ask(colour))[0] != 200:
            if not self.places.is_running(colour):
                raise DeployFailed(f"{colour} ended by itself; see its log.")
            if time.monotonic() > deadline:
                raise DeployFailed(f"{colour} is not ready within {self.limits.ready:.0f} s: {answer[1]}")
            time.sleep(POLL_SECONDS)

    def smoke(self, colour: str) -> str:
        """Run its smoke tests and return what they say; DeployFailed when one does not pass."""
        code, text = self.places.manage(colour, "smoke", f"--seconds={self.limits.smoke}")
        if code:
            raise DeployFailed(f"{colour} did not pass the smoke tests: {text}")
        return text

    def watch(self, colour: str) -> None:
        """Watch it as people see it for a while; DeployFailed when it stops answering."""
        deadline = time.monotonic() + self.limits.watch
        failed = 0
        while time.monotonic() < deadline:
            status, text = self.proxy.ask("/readyz")
            failed = 0 if status == 200 else failed + 1
            if failed > 1 or not self.places.is_running(colour):
                raise DeployFailed(f"{colour} stopped answering: {text or status}")
            time.sleep(POLL_SECONDS)

    def _ask(self, colour: str) -> tuple[int, str]:
        return ask(f"http://{self.proxy.addresses[colour]}/readyz", host=LOCAL)
