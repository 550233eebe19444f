"""How the worker ends: nobody waits for what somebody else holds up."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from clawsite.ops.worker import _end


def test_a_store_that_does_not_answer_keeps_no_job_from_putting_its_work_away() -> None:
    stopped, in_time = threading.Event(), list[bool]()

    class Cluster:
        def stop(self, **_: object) -> None:
            stopped.set()

    async def send_the_rest() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            in_time.append(await asyncio.to_thread(stopped.wait, 5))

    async def end() -> None:
        task = asyncio.create_task(send_the_rest())
        await asyncio.sleep(0)
        cluster: Any = Cluster()
        await _end(cluster, [task])
        assert task.done()

    asyncio.run(end())
    assert in_time == [True]
