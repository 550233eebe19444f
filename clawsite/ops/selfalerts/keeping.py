"""Looking after ourselves in the background, in one process at a time: a round, the chats, the mail.

When the database does not answer, neither rounds nor chats can be; that alone is told by mail without it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time

from django.conf import settings
from django.db import InterfaceError, OperationalError

from clawsite.core.db import run_db
from clawsite.core.errors import ClawError, LeaseLost, Unavailable, log_unknown
from clawsite.core.jitter import jitter
from clawsite.core.leases import Held, check_lease, release_lease, take_lease
from clawsite.core.services import check_service, note_failure, note_success
from clawsite.ops.selfalerts import mail
from clawsite.ops.selfalerts.chats import tell_chats
from clawsite.ops.selfalerts.rounds import Watch
from clawsite.ops.selfalerts.server import SERVICE, is_on, server_names

logger = logging.getLogger(__name__)

LEASE = "self alerts"
# A service that fails is asked within half a minute, is told of after 15 s more, and all that takes less than a minute.
ROUND_SECONDS = 8.0
MAIL_SECONDS = 300.0
# So long a look at the database may take; then it counts as away, as when it refuses.
LOOK_SECONDS = 15.0
# So long the database may be away before that is told, and so long until it is told again.
AWAY_SECONDS, AWAY_AGAIN_SECONDS = 30.0, 3600.0


class Keeper:
    """Looks after the installation while its process holds the lease."""

    def __init__(self, process_id: int) -> None:
        self._process_id = process_id
        self._held: Held | None = None
        self._watch = Watch()
        self._looking = threading.Lock()
        self._mailed_at = float("-inf")
        self._away_since: float | None = None
        self._away_told_at = float("-inf")

    async def run(self) -> None:
        """Make rounds until cancelled."""
        try:
            while settings.CLAW_SELF_ALERTS:
                await self._try_round()
                await asyncio.sleep(jitter(ROUND_SECONDS))
        finally:
            if self._held is not None:
                await asyncio.shield(run_db(release_lease, self._held))

    async def _try_round(self) -> None:
        began = time.monotonic()
        try:
            await self.round()
            self._away_since = None
        except LeaseLost:
            self._held = None
        except (OperationalError, InterfaceError, TimeoutError) as error:
            logger.warning("no self alerts, the database does not answer: %s", type(error).__name__)
            await self._tell_away(began)
        except Exception as error:  # what was seen begin stays known, or nothing would ever last long enough
            log_unknown(error, where="the self alerts")

    async def round(self) -> None:
        """Make one round, unless another process does."""
        async with asyncio.timeout(LOOK_SECONDS):
            is_ours = await run_db(self._look)
        if not is_ours:
            return
        if is_on() and time.monotonic() - self._mailed_at >= MAIL_SECONDS:
            await self._mail()

    def _look(self) -> bool:
        """Find what is wrong and tell the chats; False when that is another's. TimeoutError: the last look lasts on."""
        if not self._looking.acquire(blocking=False):
            raise TimeoutError("an earlier look has no answer yet")
        try:
            return self._look_alone()
        finally:
            self._looking.release()

    def _look_alone(self) -> bool:
        if self._held is None:
            self._held = take_lease(LEASE, process_id=self._process_id)
            self._watch = Watch()
        if self._held is None:
            return False
        check_lease(self._held)
        self._watch.round()
        tell_chats()
        return True

    async def _mail(self) -> None:
        rows = await run_db(mail.find_news)
        if not rows:
            return
        host = server_names()[0]
        try:
            await run_db(check_service, SERVICE, host)
        except Unavailable:
            return  # it is tried again when its breaker lets one mail through
        try:
            await asyncio.to_thread(mail.send, mail.write(rows))
        except Unavailable as error:
            logger.warning("an alert could not be mailed: %s", error.message)
            await run_db(note_failure, SERVICE, host, error=error.message, retry_after=error.retry_after)
            return
        self._mailed_at = time.monotonic()
        await run_db(mail.note_sent, rows)
        await run_db(note_success, SERVICE, host)

    async def _tell_away(self, began: float) -> None:
        """Say by mail that the database does not answer, once an hour while that lasts. `began`: when it was asked."""
        now = time.monotonic()
        self._away_since = began if self._away_since is None else self._away_since
        is_due = now - self._away_since >= AWAY_SECONDS and now - self._away_told_at >= AWAY_AGAIN_SECONDS
        if is_on() and is_due and await self._send_away():
            self._away_told_at = now

    async def _send_away(self) -> bool:
        """Send the mail about it; False when it was not taken, and is to be tried in the next round."""
        try:
            await asyncio.to_thread(mail.send, mail.write_away())
        except ClawError as error:
            logger.warning("an alert could not be mailed: %s", error.message)
            return False
        return True


async def keep_watching_ourselves(process_id: int) -> None:
    """Look after this installation until cancelled."""
    await Keeper(process_id).run()
