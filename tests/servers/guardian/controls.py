"""What a test or a person can do to the example system, the same in process and over HTTP."""

from __future__ import annotations

from typing import Any

from tests.servers.control import Controls, HttpControl
from tests.servers.guardian.world import Trouble


class GuardianControls(Controls):
    """Trouble on demand, and what the system was asked."""

    def misbehave(self, trouble: Trouble, *, merchant: str = "xyz") -> None:
        """Begin trouble: zero, spike, slow or merchant."""
        self.control("misbehave", trouble=trouble, merchant=merchant)

    def behave(self) -> None:
        """End all trouble."""
        self.control("behave")

    def state(self) -> dict[str, Any]:
        """Return status, troubles, rate, approval, workers, cache, how often it was restarted and asked."""
        return self.control("state")  # type: ignore[no-any-return]


class GuardianControl(HttpControl, GuardianControls):
    """The controls over HTTP: `GuardianControl("http://127.0.0.1:8001")`."""
