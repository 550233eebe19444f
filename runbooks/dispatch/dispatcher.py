"""Who has the lease: a line to each gateway, and a courier for each job that is there or may be sent now."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

from clawsite.core.clock import Offset
from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import LeaseLost, log_unknown
from clawsite.core.leases import Held, check_lease
from clawsite.core.nudge import Wake
from clawsite.rpc.client import GatewayClient
from clawsite.rpc.errors import BadTarget, ClientClosed
from clawsite.rpc.registry import GatewayRegistry
from clawsite.rpc.target import GatewayTarget as Target
from runbooks.dispatch import places, records
from runbooks.dispatch.courier import Courier
from runbooks.dispatch.line import Line
from runbooks.dispatch.plan import Plan, Sent, make_plan, next_waiting
from runbooks.models import GatewayTarget
from runbooks.targets.probe import IDENTITY
from runbooks.targets.rows import to_target

# How often an idle dispatcher makes sure that the lease is still its own.
CHECK_SECONDS = 10.0


@dataclass(slots=True)
class Kept:
    """A line and the task that keeps it."""

    line: Line
    task: asyncio.Task[None]


@dataclass(slots=True)
class Dispatcher:
    """Use as `async with`; `look` raises LeaseLost when another process has taken over."""

    held: Held
    wake: Wake
    _lines: dict[str, Kept] = field(default_factory=dict)
    _couriers: dict[int, tuple[Courier, asyncio.Task[None]]] = field(default_factory=dict)
    _registry: GatewayRegistry = field(init=False)
    _offset: Offset = field(init=False)
    _ahead: float = 0.0
    _checked_at: float = float("-inf")
    _lost: bool = False

    async def __aenter__(self) -> Self:
        """Begin."""
        self._registry = GatewayRegistry(make_client=self._make_client)
        self._offset = Offset()
        return self

    async def __aexit__(self, *_: Any) -> None:
        """End everything that was begun."""
        tasks = [kept.task for kept in self._lines.values()] + [task for _, task in self._couriers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._registry.close()

    async def look(self) -> None:
        """Do what there is to be done now; what takes time goes on in tasks."""
        if self._lost or time.monotonic() - self._checked_at > CHECK_SECONDS:
            await run_tx(check_lease, self.held)
            self._checked_at, self._lost = time.monotonic(), False
        await self._follow_clock()
        plan = await run_db(make_plan)
        await self._update_lines(plan)
        for job in plan.sent:
            self._attend(job)
        for name in plan.waiting:
            await self._serve(name, plan)
        await self._tell(plan)

    async def _follow_clock(self) -> None:
        """Put off when time is over, when the clock was set forward: the other gateways' time went on as before."""
        self._ahead += max(0.0, self._offset.moved())
        if self._ahead:
            await run_tx(records.postpone, self.held, self._ahead)
            self._ahead = 0.0

    async def _update_lines(self, plan: Plan) -> None:
        """Have a line to each gateway that is used, and none to others; a changed one gets a new line."""
        used = {job.target for job in plan.sent}
        wanted: dict[str, tuple[int, Target]] = {}
        for row in plan.rows:
            if row.enabled or row.name in used:
                target = await self._read(row)
                if target is not None:
                    wanted[row.name] = row.pk, target
        for name, kept in tuple(self._lines.items()):
            if wanted.get(name, (0, None))[1] != kept.line.target or kept.task.done():
                await self._end_line(name)
        await self._registry.update(target for _, target in wanted.values())
        for name, (row_id, target) in wanted.items():
            if name not in self._lines:
                line = Line(row_id, target, self._registry, self.held, on_change=self.wake.set)
                self._lines[name] = Kept(line, self._begin(line.keep(), f"line to {name}"))

    async def _read(self, row: GatewayTarget) -> Target | None:
        try:
            return to_target(row)
        except BadTarget as error:
            if row.away_since is None or row.last_error != str(error)[:300]:
                await run_tx(places.note_missed, self.held, row.pk, str(error))
            return None

    async def _end_line(self, name: str) -> None:
        kept = self._lines.pop(name)
        couriers = [(pk, task) for pk, (courier, task) in self._couriers.items() if courier.line is kept.line]
        for task in [kept.task, *(task for _, task in couriers)]:
            task.cancel()
        await asyncio.gather(kept.task, *(task for _, task in couriers), return_exceptions=True)
        for pk, _ in couriers:
            self._couriers.pop(pk, None)

    def _attend(self, job: Sent) -> None:
        """See to it that a job which is sent has its courier, and that this one knows what was decided here."""
        known = self._couriers.get(job.pk)
        if known is None:
            self._send_courier(job.pk, job.target)
            return
        courier, task = known
        if job.is_over and not courier.is_recalling:
            task.cancel()  # the next one recalls it
        elif job.cancel_requested:
            courier.cancel.set()

    def _send_courier(self, pk: int, name: str) -> None:
        kept, known = self._lines.get(name), self._couriers.get(pk)
        if known is not None:
            known[1].cancel()  # it was another gateway's
        if kept is None:
            return
        courier = Courier(pk, kept.line, self.held)
        task = self._begin(courier.run(), f"courier of job {pk}")
        self._couriers[pk] = courier, task
        task.add_done_callback(lambda done: self._forget(pk, done))

    def _forget(self, pk: int, done: asyncio.Task[None]) -> None:
        if pk in self._couriers and self._couriers[pk][1] is done:
            del self._couriers[pk]
            self.wake.set()

    async def _serve(self, name: str, plan: Plan) -> None:
        """Send what waits for a gateway, as far as it has room; what it cannot take goes to another, if one fits."""
        row, kept = plan.find_row(name), self._lines.get(name)
        if row is None or kept is None or not row.enabled or not kept.line.up.is_set():
            trouble = self._find_trouble(row, kept, is_sent=False) if row is not None else None
            if trouble:
                await run_tx(partial(places.leave, why=trouble), self.held, name)
            return
        about = [pk for pk, (courier, _) in self._couriers.items() if courier.line is kept.line]
        room = row.capacity - len({*about, *(job.pk for job in plan.sent if job.target == name and not job.is_over)})
        for pk in await run_db(next_waiting, name, room=room, without=about):
            self._send_courier(pk, name)
            room -= 1
        if room <= 0:
            await run_db(places.relieve, self.held, name, plan.rows)

    async def _tell(self, plan: Plan) -> None:
        """Tell the jobs of gateways that are away, off or gone; each is told once."""
        for name in {*plan.waiting, *(job.target for job in plan.sent)}:
            row, kept = plan.find_row(name), self._lines.get(name)
            if row is None:
                await run_tx(places.abandon, self.held, name)
                continue
            for is_sent in (True, False):
                trouble = self._find_trouble(row, kept, is_sent=is_sent)
                if trouble:
                    await run_tx(partial(places.note_waiting, is_sent=is_sent), self.held, name, trouble)
                elif trouble is not None:
                    await run_tx(partial(places.note_back, is_sent=is_sent), self.held, name)

    def _find_trouble(self, row: GatewayTarget, kept: Kept | None, *, is_sent: bool) -> str | None:
        """Return why nothing happens to the jobs that a gateway has, or that wait for it; None when it is not known.

        "" when all is well.
        """
        if not is_sent and not row.enabled:
            return f"{row.name} is switched off."
        if kept is None:
            return f"{row.name} cannot be used until an admin has put it right."
        return "" if kept.line.up.is_set() else kept.line.away_text or None

    def _begin(self, work: Any, name: str) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, LeaseLost):
            self._lost = True
        elif error is not None and not isinstance(error, ClientClosed):
            log_unknown(error, where="the dispatcher")

    def _make_client(self, target: Target) -> GatewayClient:
        return GatewayClient(target, identity=IDENTITY, on_hello=lambda _: self._hear(target.id))

    def _hear(self, name: str) -> None:
        kept = self._lines.get(name)
        if kept is not None and not kept.line.up.is_set():
            kept.line.news.set()
