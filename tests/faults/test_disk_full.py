"""A full disk: nothing is acknowledged and nobody dies; when there is room again, everything is answered once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.faults.disk import MEGABYTES, Disk, LimitedDisk, MountedDisk, open_disk
from tests.faults.site import Site, open_site
from tests.faults.stack import wait_for
from tests.fixtures.reached import Figure, Reached
from tests.ports import free_port

FULL_SECONDS = 4.0
START_SECONDS = 8.0
ANSWERED_SECONDS = 20.0
MINUTES, TASKS = "SELECT count(*) FROM clawsite_minute", "SELECT count(*) FROM django_q_ormq"
# An alert must last a minute before it is told; looks are a quarter of that apart.
TOLD_SECONDS = 120.0
pytestmark = [pytest.mark.faults, pytest.mark.sqlite]  # a server has a disk of its own


@pytest.fixture(params=["mounted", "limited"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """The disk of this machine's rights, and the one that needs none."""
    if request.param == "limited":
        (tmp_path / "disk").mkdir()
        yield LimitedDisk(tmp_path / "disk")
        return
    with open_disk(tmp_path / "disk") as opened:
        yield opened


class Box:
    """Takes every mail."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.port = free_port()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a mail."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content.decode())
        return "250 taken"

    def all(self) -> str:
        """Return what all mails say."""
        return "\n".join(self.mails)


@pytest.fixture
def box() -> Iterator[Box]:
    """A mail server on this machine."""
    found = Box()
    server = Controller(found, hostname="127.0.0.1", port=found.port)
    server.start()
    yield found
    server.stop()


def is_refused(site: Site) -> bool:
    """Tell whether a delivery was answered with 503."""
    return "503" in str((site.telegram.webhook() or {}).get("last_error_message"))


def stay_full(site: Site, *, seconds: float) -> None:
    """Wait while the disk is full; meanwhile everything lives and nothing is taken in."""
    before = site.store.value("SELECT count(*) FROM sessions_app_inbox")
    site.people.write(each=2)
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= end, timeout=seconds + 1, what="intake has refused more than once")
    wait_for(lambda: site.stack.get("/healthz") == 200, timeout=30, what="alive")
    assert site.store.value("SELECT count(*) FROM sessions_app_inbox") == before
    assert len(site.telegram.pending_updates()) == 2 * len(site.people.chats)


def has_started(site: Site) -> bool:
    """Tell whether the worker has its start behind it; one that cannot write while it starts begins again instead.

    The tasks with which it begins have run by then, however long its machine takes.
    """
    is_old = time.time() - site.stack.role("worker").create_time() > START_SECONDS
    return is_old and site.store.value(MINUTES) > 0 and site.store.value(TASKS) == 0


def recover(site: Site, pids: set[int]) -> list[Figure]:
    """Look, once there is room, at what became of everything; stop, and return the figures."""
    begun = time.monotonic()
    site.people.wait_answered(timeout=ANSWERED_SECONDS)
    answered = time.monotonic() - begun
    wait_for(lambda: site.store.waiting() == 0, timeout=60, what="nothing waits")
    site.people.check()
    assert pids <= {process.pid for process in site.stack.family()}, site.stack.tail()
    assert site.store.is_whole()
    assert site.stack.stop() == 0
    return [
        Figure("all answered after", answered, "s", ANSWERED_SECONDS),
        Figure("processes ended", 0),
        Figure("lost", 0),
        Figure("sent twice", 0),
    ]


def test_a_full_disk_is_waited_out(disk: Disk, reached: Reached) -> None:
    with open_site(disk.path, people=4) as site:
        site.people.write()
        site.people.wait_answered(timeout=60)
        wait_for(lambda: has_started(site), timeout=60, what="the worker has started whole")
        pids = {process.pid for process in site.stack.family()}
        site.model.set_default(deltas=5, pause=0.1)
        site.people.write()
        wait_for(lambda: site.model.last_request() > len(site.people.chats), timeout=60, what="turns run")
        wait_for(lambda: not site.telegram.pending_updates(), timeout=60, what="all is taken in")

        disk.fill(site.stack.family())
        stay_full(site, seconds=FULL_SECONDS)
        disk.free(site.stack.family())
        figures = recover(site, pids)
    kind = f"a disk of {MEGABYTES} MiB full" if isinstance(disk, MountedDisk) else "no byte may be written"
    reached(7, f"{kind} for {FULL_SECONDS:.0f} s", *figures)


@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize("disk", ["mounted"], indirect=True)
def test_a_disk_that_stays_full_is_told_by_mail_and_telegram_is_told_to_wait(
    disk: Disk, box: Box, reached: Reached
) -> None:
    if not isinstance(disk, MountedDisk):
        pytest.skip("no right to mount a disk")
    with open_site(
        disk.path,
        people=4,
        webhook=True,
        CLAW_SELF_ALERTS="yes",
        CLAW_ALERT_MAIL="ops@example.com",
        CLAW_ALERT_MAIL_SERVER=f"smtp://127.0.0.1:{box.port}",
    ) as site:
        wait_for(site.telegram.webhook, timeout=60, what="the webhook is set")
        site.people.write()
        site.people.wait_answered(timeout=60)
        pids = {process.pid for process in site.stack.family()}

        disk.fill(site.stack.family())
        begun = time.monotonic()
        stay_full(site, seconds=FULL_SECONDS)
        assert is_refused(site)
        wait_for(lambda: "The disk is filling up" in box.all(), timeout=TOLD_SECONDS, what="a mail tells of the disk")
        told = time.monotonic() - begun
        disk.free(site.stack.family())
        figures = recover(site, pids)
    reached(
        7,
        "the same with a webhook, which is answered 503",
        Figure("told by mail after", told, "s", TOLD_SECONDS),
        *figures,
    )
