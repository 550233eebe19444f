"""The way of a metric through the chat: its mere name, a job, a picture with its numbers below, a button on it."""

from __future__ import annotations

import time
from typing import Any

from django.utils import timezone

from bots.commands.named_queries import forget_named
from clawsite.core.db import run_db
from runbooks.jobs import JobContext
from runbooks.metrics.job import run
from runbooks.models import Job, MonitoredSystem, NamedQuery
from tests.bots.flow import Flow, until, until_db
from tests.servers.courses import CourseServer


def make_query(url: str) -> None:
    """A metric of the guardian with a name in Portuguese."""
    system = MonitoredSystem.objects.create(name="guardian", title="Guardian", prometheus_url=url)
    NamedQuery.objects.create(system=system, name="approval_rate", promql="rate", unit="%", words=["taxa de aprovação"])
    forget_named()


def work() -> bool:
    """Do what a worker does with the job that waits, in this process, whose row a worker would take away at the end."""
    job = Job.objects.filter(state=Job.State.QUEUED).first()
    if job is None:
        return False
    run(JobContext(job=job, token=0, deadline=time.monotonic() + 30))
    Job.objects.filter(pk=job.pk).update(state=Job.State.SUCCEEDED, ended_at=timezone.now())
    return True


def photos(flow: Flow) -> list[dict[str, Any]]:
    """The pictures that Bob was sent."""
    return [message for message in flow.telegram.bot_messages(flow.bob) if "photo" in message]


async def test_the_name_of_a_metric_brings_its_picture(flow: Flow) -> None:
    begin = time.time()
    async with CourseServer() as courses, flow.running():
        courses.put("rate", lambda at: 94.0 + (at > begin - 3600))
        await run_db(make_query, courses.url)

        flow.telegram.user_sends(flow.bob, "Taxa de aprovação últimas 2 horas")
        await until_db(work)
        (photo,) = await until(lambda: photos(flow))
        assert photo["caption"].startswith("📈 approval_rate (Guardian)\n")
        assert "Last value: 95%" in photo["caption"]
        await flow.quiet()

        flow.telegram.press(flow.bob, photo["message_id"], data=_button(photo, "1 h"))
        await until_db(work)
        await until(lambda: len(photos(flow)) == 2)
        await flow.quiet()
    assert flow.asked() == []


def _button(message: dict[str, Any], label: str) -> str:
    rows = message["reply_markup"]["inline_keyboard"]
    return next(str(button["callback_data"]) for row in rows for button in row if button["text"] == label)
