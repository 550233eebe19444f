"""Scheduled messages: from cron.add to the answer in the conversation, once, however often and wherever they break."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from clawsite.core.db import run_db
from clawsite.core.models import AuditEvent
from clawsite.core.nudge import nudge
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.scheduled.running import pause_after
from runbooks.models import Job, Schedule
from runbooks.schedules import tick
from sessions_app.models import Channel, Inbox, Message, Outbox, Turn
from tests.clawsite.gateway.clock import MORNING, add, add_chat, again, finish, holder, make_due, result_of, work
from tests.clawsite.gateway.seat import Refused
from tests.clawsite.gateway.talk import Talk

ANNOUNCE = {"mode": "announce", "channel": "support", "to": "99"}


@pytest.fixture
async def alice(talk: Talk) -> Principal:
    """An admin, whose bot may write to one person on another channel."""
    await run_db(add_chat)
    return await holder("alice", Scope.ADMIN)


def texts(history: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["role"], row["content"][0]["text"]) for row in history["messages"]]


def said_elsewhere() -> list[str]:
    return list(Message.objects.filter(session__chat_id="99").values_list("text", flat=True))


async def test_a_schedule_speaks_and_its_answer_is_in_its_own_session(talk: Talk, alice: Principal) -> None:
    talk.model.set_default("All is well.")
    with talk.line(alice) as line:
        schedule = await add(line)
        assert (schedule["payload"], schedule["sessionTarget"]) == (MORNING, "isolated")
        job = await finish(talk, await make_due(schedule))
        key = f"agent:main:cron:{schedule['id']}"
        assert result_of(job) == {"status": "ok", "text": "All is well.", "runId": f"job:{job.key}", "sessionKey": key}
        history = await line.call("chat.history", sessionKey=key)
        assert texts(history) == [("user", "What is new?"), ("assistant", "All is well.")]
        (entry,) = (await line.call("cron.runs", id=schedule["id"]))["entries"]
        assert (entry["status"], entry["runId"]) == ("ok", job.key)
        await finish(talk, await make_due(schedule))
        assert len((await line.call("chat.history", sessionKey=key))["messages"]) == 4
    assert await run_db(Turn.objects.count) == 2
    assert await run_db(Outbox.objects.exclude(channel=talk.channel).count) == 0


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"sessionTarget": "main"}, "agent:main:main"),
        ({"sessionTarget": "main", "sessionKey": "agent:main:work"}, "agent:main:work"),
        ({"sessionTarget": "current", "sessionKey": "work"}, "agent:main:work"),
        ({"sessionTarget": "session:News"}, "agent:main:news"),
        ({"payload": {"kind": "systemEvent", "text": "What is new?"}}, "agent:main:main"),
        ({"payload": {"kind": "systemEvent", "text": "What is new?"}, "sessionTarget": "session:a"}, "agent:main:a"),
    ],
)
async def test_it_speaks_in_the_session_that_is_meant(
    talk: Talk, alice: Principal, given: dict[str, Any], key: str
) -> None:
    with talk.line(alice) as line:
        job = await work(await make_due(await add(line, **given)))
        event = job.kind == "cron.systemEvent"
        assert job.state == ("succeeded" if event else "queued")
        async with talk.running():
            await talk.quiet()
        assert texts(await line.call("chat.history", sessionKey=key))[0] == ("user", "What is new?")
        job = job if event else await finish(talk, job)
        assert result_of(job)["sessionKey"] == key


async def test_the_job_waits_without_a_process_and_looks_ever_more_rarely(talk: Talk, alice: Principal) -> None:
    with talk.line(alice) as line:
        before = timezone.now()
        job = await work(await make_due(await add(line)))
    assert job.state == "queued"
    assert before < job.not_before <= timezone.now() + timedelta(seconds=2)
    assert [pause_after(waited) for waited in (0, 1, 10, 59, 10_000)] == [1, 1, 5, 29.5, 30]


async def test_a_job_that_runs_again_says_nothing_twice(talk: Talk, alice: Principal) -> None:
    talk.model.set_default("Once.")
    with talk.line(alice) as line:
        job = await work(await make_due(await add(line, delivery=ANNOUNCE)))
        job = await work(await again(job, saved={}))  # died after the message was stored, before that was saved
        job = await work(await again(job))
        assert await run_db(Inbox.objects.count) == 1
        job = await finish(talk, job)
        first = result_of(job)
        job = await finish(talk, await again(job))  # died after the answer was announced, before that was saved
        job = await finish(talk, await again(job, saved={}))
    assert result_of(job) == first | {"delivered": True}
    assert await run_db(Inbox.objects.count) == 1
    assert len(talk.asked()) == 1
    assert await run_db(said_elsewhere) == ["Once."]
    assert await run_db(AuditEvent.objects.filter(action="message.send", actor=alice.owner).count) == 1


@pytest.mark.parametrize(
    ("delivery", "key"),
    [
        ({"mode": "announce"}, "agent:main:main"),
        ({"mode": "announce", "channel": "last"}, "agent:main:main"),
        ({"mode": "announce", "channel": "gateway", "to": "News"}, "agent:main:news"),
        ({"mode": "announce", "to": "agent:main:news"}, "agent:main:news"),
    ],
)
async def test_an_answer_is_told_in_another_session(
    talk: Talk, alice: Principal, delivery: dict[str, Any], key: str
) -> None:
    talk.model.set_default("Told.")
    with talk.line(alice) as line:
        job = await finish(talk, await make_due(await add(line, delivery=delivery)))
        assert texts(await line.call("chat.history", sessionKey=key)) == [("assistant", "Told.")]
    assert result_of(job)["delivered"] is True


async def test_an_answer_is_not_told_where_it_was_given(talk: Talk, alice: Principal) -> None:
    talk.model.set_default("Told.")
    with talk.line(alice) as line:
        await finish(talk, await make_due(await add(line, sessionTarget="main", delivery={"mode": "announce"})))
        assert len((await line.call("chat.history", sessionKey="main"))["messages"]) == 2


async def test_what_cannot_be_told_fails_the_job_unless_that_is_wanted(talk: Talk, alice: Principal) -> None:
    talk.model.set_default("Kept.")
    with talk.line(alice) as line:
        strict = await add(line, delivery=ANNOUNCE)
        loose = await add(line, name="loose", delivery=ANNOUNCE | {"bestEffort": True})
        await run_db(Channel.objects.filter(name="support").update, enabled=False)
        job = await finish(talk, await make_due(strict))
        assert (job.state, job.error) == ("failed", "there is no such channel, or it is switched off")
        assert await run_db(Inbox.objects.count) == 0
        job = await finish(talk, await make_due(loose))
    assert (job.state, result_of(job)["text"], result_of(job)["delivered"]) == ("succeeded", "Kept.", False)
    assert "switched off" in result_of(job)["deliveryError"]


async def test_a_run_that_fails_fails_the_job_with_the_reason(talk: Talk, alice: Principal) -> None:
    with talk.line(alice) as line, override_settings(CLAW_MODELS=[]):
        schedule = await add(line)
        job = await finish(talk, await make_due(schedule))
        (listed,) = (await line.call("cron.list"))["jobs"]
    assert job.state == "failed"
    assert "model" in job.error
    assert (listed["state"]["lastRunStatus"], listed["state"]["lastError"]) == ("error", job.error)


async def test_a_run_that_is_stopped_fails_the_job(talk: Talk, alice: Principal) -> None:
    with talk.line(alice) as line:
        job = await work(await make_due(await add(line, sessionTarget="main")))
        assert (await line.call("chat.abort", sessionKey="main"))["aborted"] is True
    assert (await finish(talk, job)).error == "The run was stopped."


async def test_a_run_that_takes_too_long_is_stopped(talk: Talk, alice: Principal) -> None:
    with talk.line(alice) as line:
        job = await work(await make_due(await add(line, payload=MORNING | {"timeoutSeconds": 60})))
        assert job.not_before <= timezone.now() + timedelta(seconds=60)
        await run_db(Inbox.objects.update, received_at=timezone.now() - timedelta(seconds=61))
        job = await work(job)
    assert (job.state, job.error) == ("failed", "The run took longer than 60 seconds and was stopped.")
    assert (await run_db(Inbox.objects.get)).state == "done"


async def test_a_conversation_that_was_removed_is_not_begun_anew(talk: Talk, alice: Principal) -> None:
    with talk.line(alice) as line:
        job = await work(await make_due(await add(line)))
        await run_db(Inbox.objects.all().delete)
        job = await work(job)
    assert (job.state, job.error) == ("failed", "The conversation of this run was removed.")
    assert await run_db(Inbox.objects.count) == 0


async def test_who_may_see_a_schedule_hears_that_it_began_and_ended(talk: Talk, alice: Principal) -> None:
    talk.model.set_default("All is well.")
    bob = await holder("bob", Scope.WRITE)
    with talk.line(alice) as line, talk.line(bob) as other:
        schedule = await add(line)
        job = await finish(talk, await make_due(schedule))
        began = await line.until("cron", action="started")
        ended = await line.until("cron", action="finished")
    assert (began["jobId"], began["runId"]) == (ended["jobId"], ended["runId"]) == (schedule["id"], job.key)
    assert (ended["status"], ended["summary"]) == ("ok", "All is well.")
    assert ended["nextRunAtMs"] > time.time() * 1000
    assert not [payload for name, payload in other.events if name == "cron"]


async def test_a_schedule_that_is_removed_by_its_run_tells_its_owner_of_it(talk: Talk, alice: Principal) -> None:
    talk.model.set_default("Time for tea.")
    at = timezone.now() + timedelta(hours=1)
    with talk.line(alice) as line:
        schedule = await add(line, schedule={"kind": "at", "at": at.isoformat()}, deleteAfterRun=True)
        assert await run_db(tick, at) == 1
        assert not await run_db(Schedule.objects.exists)
        began = await line.until("cron", action="started")
        job = await finish(talk, await run_db(Job.objects.get))
        ended = await line.until("cron", action="finished")
    assert (began["jobId"], began["runId"]) == (ended["jobId"], ended["runId"]) == (schedule["id"], job.key)
    assert (ended["status"], ended["summary"]) == ("ok", "Time for tea.")


async def test_the_end_of_a_short_job_is_told_once(talk: Talk, alice: Principal) -> None:
    """The job is over before anybody looks at its beginning, so both looks see the end."""
    talk.model.set_default("All is well.")
    with talk.line(alice) as line:
        first = await finish(talk, await make_due(await add(line)))
        await line.until("cron", action="finished", runId=first.key)
        for _ in range(2):
            nudge("schedule", job=first.key)
            nudge("job", job=first.key, over=True)
        second = await finish(talk, await make_due(await add(line, name="another")))
        await line.until("cron", action="finished", runId=second.key)
    told = [payload["action"] for name, payload in line.events if name == "cron" and payload.get("runId") == first.key]
    assert told.count("finished") == 1


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"payload": MORNING | {"model": "m"}}, "payload.model is not supported here: the model is the session's"),
        ({"payload": MORNING | {"thinking": "high"}}, "payload.thinking"),
        ({"payload": MORNING | {"toolsAllow": ["x"]}}, "payload.toolsAllow"),
        ({"payload": MORNING | {"deliver": True}}, "use delivery, beside the payload"),
        ({"payload": MORNING | {"nope": 1}}, "unknown field `nope`"),
        ({"payload": MORNING | {"timeoutSeconds": -1}}, "timeoutSeconds"),
        ({"payload": {"kind": "agentTurn"}}, "message"),
        ({"payload": {"kind": "agentTurn", "message": "  "}}, "needs a text"),
        ({"payload": {"kind": "agentTurn", "message": 1}}, "Expected `str`"),
        ({"payload": {"kind": "systemEvent", "text": "x", "mode": "y"}}, "unknown field `mode`"),
        ({"payload": {"kind": "systemEvent", "text": "x"}, "sessionTarget": "isolated"}, "main, or session:<key>"),
        ({"payload": {"kind": "systemEvent", "text": "x"}, "delivery": ANNOUNCE}, "no answer to deliver"),
        ({"payload": {"kind": "job", "job": "selftest"}, "delivery": ANNOUNCE}, "not delivered"),
        ({"payload": {"kind": "command", "argv": ["x"]}}, "there are: systemEvent, agentTurn, job"),
        ({"sessionTarget": "nowhere"}, "sessionTarget is main"),
        ({"sessionTarget": "current"}, "needs the sessionKey"),
        ({"sessionTarget": "isolated", "sessionKey": "main"}, "session of its own"),
        ({"sessionTarget": "session:a b"}, "visible characters"),
        ({"sessionTarget": "session:agent:main:telegram:1:direct:99"}, "sessions of its owner only"),
        ({"sessionTarget": "main", "sessionKey": "agent:main:gateway:1:direct:token:1/main"}, "of its owner only"),
        ({"agentId": "other"}, "unknown agent id"),
        ({"failureAlert": {"after": 2}}, "failureAlert is not supported"),
        ({"trigger": {"script": "x"}}, "trigger is not supported"),
        ({"pacing": {"min": 1}}, "pacing is not supported"),
        ({"delivery": {"mode": "webhook", "to": "https://x.example"}}, "delivery.mode 'webhook' is not supported"),
        ({"delivery": ANNOUNCE | {"failureDestination": {"to": "1"}}}, "delivery.failureDestination"),
        ({"delivery": ANNOUNCE | {"nope": 1}}, "unknown field `nope`"),
        ({"delivery": ANNOUNCE | {"to": "12345"}}, "nobody was let in from there"),
        ({"delivery": ANNOUNCE | {"to": ""}}, "delivery.to is required"),
        ({"delivery": ANNOUNCE | {"channel": "slack"}}, "no such channel"),
        ({"delivery": {"mode": "announce", "to": "99"}}, "needs a delivery.channel"),
        ({"delivery": {"mode": "announce", "to": "agent:main:telegram:1:direct:404"}}, "There is no session"),
        ({"delivery": {"mode": "announce", "threadId": 5}}, "threadId and accountId"),
    ],
)
async def test_what_is_not_supported_is_refused_before_it_is_due(
    talk: Talk, alice: Principal, given: dict[str, Any], text: str
) -> None:
    with talk.line(alice) as line:
        with pytest.raises(Refused, match=text):
            await add(line, **given)
        assert await run_db(Schedule.objects.count) == 0
        kept = await add(line)
        with pytest.raises(Refused, match=text):
            await line.call("cron.update", id=kept["id"], patch=given)
    assert await run_db(Job.objects.count) == 0


async def test_what_says_nothing_is_taken(talk: Talk, alice: Principal) -> None:
    idle: dict[str, Any] = {"model": None, "thinking": "", "toolsAllow": [], "deliver": False, "timeoutSeconds": 0}
    with talk.line(alice) as line:
        job = await add(
            line,
            payload=MORNING | idle,
            agentId="main",
            failureAlert=False,
            delivery={"mode": "none", "channel": "last"},
        )
        job = await line.call("cron.update", id=job["id"], patch={"sessionTarget": None, "agentId": None})
        assert job["sessionTarget"] == "isolated"
        await work(await make_due(job))
    assert await run_db(Inbox.objects.count) == 1
