"""Brings one job to its gateway and its events home, until it is over on both sides. Safe to begin anew at any point.

Create carries a key made from ours, start and cancel change nothing the second time, and events are taken over by
their number: so each step is simply done again when its answer was lost.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from functools import partial
from typing import Any

from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import LeaseLost, log_unknown
from clawsite.core.leases import Held
from clawsite.rpc import codes
from clawsite.rpc.backoff import Backoff
from clawsite.rpc.errors import (
    ClientClosed,
    ClientError,
    EventsLost,
    RequestTooBig,
    RpcError,
    Unreachable,
    may_have_acted,
)
from clawsite.rpc.watch import JobEvent, JobWatch
from runbooks.dispatch import places, records
from runbooks.dispatch.line import Line
from runbooks.dispatch.records import News
from runbooks.models import Job
from runbooks.models.job import ENDS

CALL_SECONDS = 15.0
RESULT_SECONDS = 60.0
PAGE = 200
BUFFER = 1000
FIRST_WAIT, MOST_WAIT = 0.3, 15.0
MAX_ID_CHARS = 128

Item = JobEvent | Exception | None


class Nonsense(ClientError):
    """The other side answers in a way that makes no sense."""


class Gone(Exception):
    """The job has ended here; what is left is to end it there."""


class Courier:
    """One job's. `cancel` is set when somebody asked to cancel it."""

    def __init__(self, job_id: int, line: Line, held: Held) -> None:
        self.job_id = job_id
        self.line = line
        self.cancel = asyncio.Event()
        self.is_recalling = False
        self._held = held

    async def run(self) -> None:
        """Do what is to be done, again and again until it is; raises LeaseLost when it is not ours any more."""
        backoff = Backoff(first=FIRST_WAIT, most=MOST_WAIT)
        while True:
            try:
                await self._advance()
                return
            except (LeaseLost, ClientClosed):
                raise
            except ClientError as error:
                if await self._is_settled_by(error):
                    return
            except Exception as error:
                log_unknown(error, where="the courier of a job")
            await asyncio.sleep(backoff.next())
            await self.line.up.wait()

    async def _advance(self) -> None:
        job = await run_db(Job.objects.filter(pk=self.job_id, target=self.line.name).first)
        if job is None:
            return
        try:
            if not job.is_over:
                await self._deliver(job)
                return
        except Gone:
            pass
        await self._recall()

    async def _deliver(self, job: Job) -> None:
        if not job.remote_id:
            fresh = await self._send(job)
            if fresh is None:
                return
            job = fresh
        if job.is_over:
            raise Gone
        await self._begin(job)
        await self._follow(job)

    async def _send(self, job: Job) -> Job | None:
        """Create the job over there, without starting it; None when it is not wanted any more."""
        await self.line.client.connect(patience=0.0)  # what fails here has surely not arrived
        marked = await run_tx(records.mark_sent, self._held, job.pk, self.line.name)
        if marked is None:
            return None
        try:
            remote_id = await self._create(marked)
        except (RpcError, Unreachable, RequestTooBig) as error:
            if not job.remote_open and not may_have_acted(error):  # and no earlier try may have arrived
                await run_tx(records.unmark_sent, self._held, job.pk)
            raise
        return await run_tx(records.accept, self._held, job.pk, remote_id)

    async def _create(self, job: Job) -> str:
        params: dict[str, object] = {"kind": job.kind, "params": job.params, "start": False}
        answer = await self.line.call("jobs.create", params, key=f"job-{job.key}", timeout=CALL_SECONDS)
        row = _row(answer)
        remote_id = row.get("id")
        if not isinstance(remote_id, str) or not 0 < len(remote_id) <= MAX_ID_CHARS:
            raise Nonsense("its answer cannot be understood.")
        return remote_id

    async def _begin(self, job: Job) -> None:
        """Start it, or cancel it if that was asked for before; what had begun is looked at, whether it is the same."""
        if job.cancel_requested:
            self.cancel.set()
        elif not job.remote_seq:
            await self._call("jobs.start", job)
        else:
            last = _row(await self._call("jobs.status", job)).get("lastSeq")
            if isinstance(last, int) and last < job.remote_seq:
                raise EventsLost(job.remote_id, expected=job.remote_seq + 1, received=0)

    async def _follow(self, job: Job) -> None:
        """Take over the events as they come, through outages, until the last; pass a request to cancel on."""
        items: asyncio.Queue[Item] = asyncio.Queue(BUFFER)
        async with self.line.client.subscribe(job.remote_id, job.remote_seq) as watch:
            tasks = [asyncio.create_task(_read(watch, items)), asyncio.create_task(self._cancel_when_asked(job))]
            try:
                await self._take_over(job, items)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _take_over(self, job: Job, items: asyncio.Queue[Item]) -> None:
        while True:
            events, last = await _next_page(items)
            if events:
                self.line.heard()
            news = [self._translate(event) for event in events if event.kind != "end"]
            if news and not await run_tx(records.mirror, self._held, job.pk, news):
                raise Gone
            if isinstance(last, Exception):
                raise last
            if last is None or last.kind == "end":
                await self._finish(job, last)
                return

    def _translate(self, event: JobEvent) -> News:
        return News(seq=event.seq, kind=event.kind, data=self._hide(event.data), ts=event.ts)

    async def _finish(self, job: Job, end: JobEvent | None) -> None:
        """End the job here as it ended there; its result is fetched before."""
        data = end.data if end is not None and isinstance(end.data, dict) else {}
        result = None
        if end is None or data.get("state") == Job.State.SUCCEEDED:
            answer = await self._call("jobs.result", job, timeout=RESULT_SECONDS)
            data, result = _row(answer), answer.get("result") if isinstance(answer, dict) else None
        state, error = str(data.get("state")), str(data.get("error") or "")
        if state not in ENDS:
            state, error = Job.State.FAILED, f"{self.line.name} ended it in a way that is not known here."
        done = partial(records.finish, to=state, error=self.line.hide(error), result=self._hide(result))
        await run_tx(done, self._held, job.pk, seq=end.seq if end is not None else 0)

    async def _cancel_when_asked(self, job: Job) -> None:
        await self.cancel.wait()
        backoff = Backoff(first=FIRST_WAIT, most=MOST_WAIT)
        while True:
            try:
                await self._call("jobs.cancel", job)
                return
            except ClientError as error:
                if isinstance(error, RpcError) and not error.retryable:
                    return  # the events will say what it is that cannot be cancelled
            await asyncio.sleep(backoff.next())
            await self.line.up.wait()

    async def _recall(self) -> None:
        """Cancel over there what has ended here. What may have arrived is created once more, to learn its id."""
        self.is_recalling = True
        job = await run_db(Job.objects.get, pk=self.job_id)
        if not job.remote_open:
            return
        if not job.remote_id:
            job = await run_tx(records.accept, self._held, job.pk, await self._create(job))
        await self._call("jobs.cancel", job)
        await run_tx(records.settle, self._held, job.pk)

    async def _call(self, method: str, job: Job, *, timeout: float = CALL_SECONDS) -> Any:
        return await self.line.call(method, {"id": job.remote_id}, timeout=timeout)

    async def _is_settled_by(self, error: ClientError) -> bool:
        """Decide what a failure means for the job; True when there is nothing more to do here."""
        text = self.line.hide(str(error))
        job = await run_db(Job.objects.get, pk=self.job_id)
        if job.is_over:
            return await self._is_recalled_by(error)
        if isinstance(error, EventsLost):
            return await self._go_on_after(error)
        is_final = isinstance(error, RequestTooBig | Nonsense) or (isinstance(error, RpcError) and not error.retryable)
        if not job.remote_open and await self._is_moved(text, is_final=is_final):
            return True
        if is_final:
            await self._fail(job, error, text)
        return is_final

    async def _is_moved(self, text: str, *, is_final: bool) -> bool:
        move = partial(places.move_on, why=text, is_final=is_final)
        return await run_tx(move, self._held, self.job_id)

    async def _fail(self, job: Job, error: ClientError, text: str) -> None:
        """End the job here. One that may go on over there is recalled."""
        why = "did not take it"
        if job.remote_id:
            is_unknown = isinstance(error, RpcError) and error.code != codes.UNAVAILABLE
            why = "does not know this job any more" if is_unknown else "cannot be asked about this job any more"
        text = f"{self.line.name} {why}: {text}"
        done = partial(records.finish, to=Job.State.FAILED, error=text, is_gone=not job.remote_id)
        await run_tx(done, self._held, job.pk)

    async def _is_recalled_by(self, error: ClientError) -> bool:
        """A gateway that refuses to cancel has nothing to cancel; one that does not answer is asked again."""
        if isinstance(error, RpcError) and not error.retryable:
            await run_tx(records.settle, self._held, self.job_id)
            return True
        return False

    async def _go_on_after(self, error: EventsLost) -> bool:
        """Leave out what the gateway lost. One whose count went back is not the one we knew: that ends the job."""
        if error.received > error.expected:
            await run_tx(records.skip, self._held, self.job_id, error.received - 1)
            return False
        text = f"{self.line.name} has fewer events of this job than it had; it was set back."
        await run_tx(partial(records.finish, to=Job.State.FAILED, error=text, is_gone=False), self._held, self.job_id)
        return True

    def _hide(self, value: Any) -> Any:
        """Return JSON without the token, should the other side send it back."""
        text = json.dumps(value)
        clean = self.line.hide(text)
        return value if clean == text else json.loads(clean)


async def _read(watch: JobWatch, items: asyncio.Queue[Item]) -> None:
    """Put the events into the queue as fast as they are taken over, then None or what went wrong."""
    try:
        async for event in watch:
            await items.put(event)
        await items.put(None)
    except Exception as error:  # whoever takes them over would wait for ever
        await items.put(error)


async def _next_page(items: asyncio.Queue[Item]) -> tuple[list[JobEvent], Item]:
    """Wait for an item; return all events that are there by now, and the last item."""
    last = await items.get()
    events = [last] if isinstance(last, JobEvent) else []
    with suppress(asyncio.QueueEmpty):
        while isinstance(last, JobEvent) and last.kind != "end" and len(events) < PAGE:
            last = items.get_nowait()
            if isinstance(last, JobEvent):
                events.append(last)
    return events, last


def _row(answer: Any) -> dict[str, Any]:
    """Return the job in an answer, {} when there is none."""
    row = answer.get("job") if isinstance(answer, dict) else None
    return row if isinstance(row, dict) else {}
