"""One deployment, step by step: whatever goes wrong before the end leaves the old version at work.

 1 the new version takes the idle place, and says what it would change in the database
 2 it starts beside the old one and is checked: ready, a handshake, one message through
 3 the proxy sends everybody to it, and it is watched
 4 the old one finishes what it has begun and stops

Both are at work on one database between 2 and 4: leases see to it that everything is done once. The proxy's file alone
says which colour is live. How far a run has come is in the journal: what a killed one has left is settled by the next.
"""

from __future__ import annotations

from collections.abc import Callable

from bluegreen.checks import Checks
from bluegreen.failure import DeployFailed, Unsettled
from bluegreen.journal import Entry, Journal
from bluegreen.proxy import COLOURS, other_than
from bluegreen.settling import put_back
from bluegreen.signals import undisturbed

# What `manage.py schemachanges` ends with when the old version could not work on the changed database.
BREAKING = 3


class Switch:
    """Puts a release in the place of the live one. Nothing is left to settle when it begins."""

    def __init__(self, checks: Checks, journal: Journal, *, say: Callable[[str], None]) -> None:
        self._checks = checks
        self._places = checks.places
        self._proxy = checks.proxy
        self._journal = journal
        self._say = say

    def deploy(self, release: str | None, *, stop_first: bool = False) -> str:
        """Return the colour that is live afterwards. Without a release, the version before comes back.

        stop_first: the old version may not see the new database.
        """
        live = self._proxy.live()
        if live is None and (told := self._proxy.told()):
            raise Unsettled(f"Not deployed. The proxy sends people to {told}, and its file does not say so.")
        new = COLOURS[0] if live is None else other_than(live)
        before = self._places.release(new)
        wanted = release if release is not None else before
        if wanted is None:
            raise DeployFailed("There is no version before this one.")
        self._journal.begin(Entry(new=new, was=live, release=wanted, before=before, step="it was being put there"))
        try:
            self._places.stop(new)
            if release is not None:
                self._places.put(new, release)
            self._check_schema(new, stop_first=stop_first)
            if live is not None and stop_first:
                self._step(f"{live} was being stopped first")
                self._say(f"Stopping {live} first: nobody is served until {new} is ready.")
                self._places.stop(live)
            self._begin(new)
            self._take_over(new, was=live)
        except BaseException as error:
            self._go_back(live, new, before=before, stopped_first=stop_first, error=error)
            raise
        self._finish(new, was=live)
        return new

    def _step(self, text: str) -> None:
        self._journal.note(text)

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
        self._step("it was being started and tested")
        self._say(f"Starting {new}.")
        self._places.start(new)
        self._checks.wait_ready(new)
        self._say(self._checks.smoke(new))

    def _take_over(self, new: str, *, was: str | None) -> None:
        self._step("people were being sent to it")
        self._say(f"Sending everybody to {new}.")
        self._proxy.send_to(new)
        if was is not None:
            self._checks.watch(new)

    def _finish(self, new: str, *, was: str | None) -> None:
        """Stop the old version. After a reboot the new one comes back, whatever happens from here on."""
        self._step("the old version was finishing")
        try:
            self._places.keep(new)
            if was is not None:
                self._say(f"Letting {was} finish.")
                self._places.stop(was)
        except DeployFailed as error:
            raise Unsettled(f"{new} is live, but not all is done. {error}") from None
        self._journal.settle()
        self._say(f"{new} is live.")

    def _go_back(
        self, live: str | None, new: str, *, before: str | None, stopped_first: bool, error: BaseException
    ) -> None:
        """Put everything as it was. The old version runs unless it had to be stopped first."""
        with undisturbed():
            try:
                if live is None and self._proxy.live() is not None:
                    self._proxy.send_to_nobody()
                if live is not None:
                    self._bring_back(live, stopped_first=stopped_first)
                self._places.stop(new)
                put_back(self._places, new, before)
            except DeployFailed as second:
                raise Unsettled(f"Not deployed. {error}\nGoing back failed as well. {second}") from None
            self._journal.settle()

    def _bring_back(self, live: str, *, stopped_first: bool) -> None:
        if not self._places.is_running(live):
            self._places.start(live)
            self._checks.wait_ready(live)
        if other_than(live) in (self._proxy.live(), self._proxy.told()):
            self._proxy.send_to(live)
        self._say(f"{live} stays live.")
        if stopped_first:  # it may be at work on what the new version made of the database
            self._say(self._places.manage(live, "schemachanges")[1])
