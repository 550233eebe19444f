"""jobs.* over the wire's registry: what callers get, whose jobs they see, and events that follow a subscription."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import connection
from pytest_django import Settings

from clawsite.core.db import close_pool, run_db
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.nudge import NudgeListener
from clawsite.gateway import methods
from clawsite.gateway.errors import GatewayError
from clawsite.gateway.jobfeed import feed
from clawsite.gateway.principal import Principal, Scope, expand
from clawsite.gateway.reference import schema_of
from clawsite.gateway.registry import Call, all_methods, invoke
from runbooks.jobs import access_job
from runbooks.jobs.events import emit
from runbooks.models import Job
from runbooks.runner import perform
from tests.runbooks.running import perform_beside

pytestmark = pytest.mark.django_db(transaction=True)
assert methods.jobs.ORIGIN


class Wire:
    """A connection that keeps what it is sent."""

    def __init__(self, name: str, *scopes: Scope) -> None:
        granted = expand(scopes)
        self.id = name
        self.principal = Principal(
            subject=f"token:{name}", owner=f"token:{name}", name=name, granted=granted, scopes=granted
        )
        self.client: Mapping[str, Any] = {}
        self.caps: frozenset[str] = frozenset()
        self.closed = False
        self.behind = False
        self.got: list[dict[str, Any]] = []

    def push(self, event: str, payload: bytes, *, droppable: bool, state: bytes = b"") -> None:
        assert (event, droppable) == ("job", False)
        self.got.append(msgspec.json.decode(payload))

    def is_behind(self) -> bool:
        return self.behind

    def follow(self, session_id: int) -> None: ...
    def unfollow(self, session_id: int) -> None: ...
    def watch_sessions(self, wanted: bool) -> None: ...

    def watch_job(self, job_id: str, after_seq: int) -> None:
        feed.watch(self, job_id, after_seq)

    def unwatch_job(self, job_id: str) -> None:
        feed.unwatch(self, job_id)

    async def call(self, name: str, /, **params: Any) -> Any:
        """Call a method as a connection does."""
        call = Call(request_id="1", method=name, connection=self, respond=lambda _: None)
        answer = await invoke(name, call, msgspec.Raw(msgspec.json.encode(params)))
        return msgspec.json.decode(msgspec.json.encode(answer))

    @property
    def seqs(self) -> list[int]:
        """The numbers of the events so far."""
        return [event["seq"] for event in self.got]


@pytest.fixture
async def wires(tmp_path: Path, settings: Settings) -> AsyncIterator[Callable[..., Wire]]:
    """A maker of connections in a process that hears nudges."""
    settings.RUN_DIR = tmp_path
    made: list[Wire] = []

    def make(name: str, *scopes: Scope) -> Wire:
        made.append(Wire(name, *scopes))
        return made[-1]

    async with NudgeListener("web") as listener:
        listener.on("job", feed.on_nudge)
        yield make
        for wire in made:
            feed.leave(wire)
        await until(lambda: not feed.count())
    close_pool()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the other side is a socket of the system
            await asyncio.sleep(0.005)


@pytest.fixture
def alice(wires: Callable[..., Wire]) -> Wire:
    return wires("alice", Scope.ADMIN)


@pytest.fixture
def bob(wires: Callable[..., Wire]) -> Wire:
    return wires("bob", Scope.WRITE)


@pytest.fixture
def charlie(wires: Callable[..., Wire]) -> Wire:
    return wires("charlie", Scope.WRITE)


async def run(job: dict[str, Any]) -> None:
    assert await run_db(lambda: perform(Job.objects.get(key=job["id"]).pk))


async def make(wire: Wire, *, start: bool = True, **params: Any) -> dict[str, Any]:
    answer = await wire.call("jobs.create", kind="selftest", params={"pause": 0, **params}, start=start)
    job: dict[str, Any] = answer["job"]
    return job


async def test_a_job_from_its_creation_to_its_result(bob: Wire) -> None:
    job = await make(bob, start=False, echo="hello")
    assert (job["state"], job["requestedBy"]) == ("created", "token:bob")
    assert (await bob.call("jobs.start", id=job["id"]))["job"]["state"] == "queued"
    assert await bob.call("jobs.result", id=job["id"], timeoutMs=1) == {
        "job": (await bob.call("jobs.status", id=job["id"]))["job"],
        "done": False,
        "result": None,
    }

    await run(job)

    answer = await bob.call("jobs.result", id=job["id"])
    assert (answer["done"], answer["job"]["state"]) == (True, "succeeded")
    assert answer["result"] == {"events": 3, "echo": "hello", "attempt": 1}


async def test_a_result_is_waited_for(bob: Wire) -> None:
    job = await make(bob)
    waiting = asyncio.create_task(bob.call("jobs.result", id=job["id"], timeoutMs=10_000))
    await asyncio.sleep(0)
    await run(job)

    assert (await waiting)["done"]


@pytest.mark.parametrize("name", ["jobs.result", "agent.wait"])
def test_whoever_waits_as_long_as_they_may_is_not_cut_off_before(name: str) -> None:
    """The limit of a method is that of all its work; the longest wait that its schema allows is a part of it."""
    method = all_methods()[name]
    schema, _ = schema_of(method)

    assert schema["properties"]["timeoutMs"]["maximum"] / 1000 < method.seconds


async def test_a_repeated_request_makes_one_job(bob: Wire) -> None:
    first, second = [
        await bob.call("jobs.create", kind="selftest", idempotencyKey="k", params={"events": 1}) for _ in range(2)
    ]
    assert first == second
    with pytest.raises(BadInput):
        await bob.call("jobs.create", kind="selftest", idempotencyKey="k", params={"events": 2})


async def test_others_jobs_are_absent(alice: Wire, bob: Wire, charlie: Wire) -> None:
    job = await make(bob, start=False)
    for name in ("status", "start", "cancel", "result", "subscribe"):
        texts = set()
        for key in (job["id"], "0" * 32, "\x00"):
            with pytest.raises(NotAllowed) as refused:
                await charlie.call(f"jobs.{name}", id=key)
            texts.add(refused.value.message)
        assert len(texts) == 1
    assert await charlie.call("jobs.list") == {"jobs": []}
    await charlie.call("jobs.unsubscribe", id=job["id"])

    assert charlie.got == []
    assert (await alice.call("jobs.status", id=job["id"]))["job"] == job
    assert (await alice.call("jobs.cancel", id=job["id"]))["cancelled"] is True


async def test_who_may_only_read_changes_nothing(wires: Callable[..., Wire]) -> None:
    reader = wires("reader", Scope.READ)
    for name in ("create", "start", "cancel"):
        with pytest.raises(GatewayError, match=r"missing scope: operator\.write"):
            await reader.call(f"jobs.{name}", id="x")


async def test_a_job_belongs_to_a_session_of_the_callers_own(bob: Wire) -> None:
    with pytest.raises(NotAllowed, match="no session"):
        await bob.call("jobs.create", kind="selftest", sessionKey="agent:main:telegram:1:direct:7")
    assert await run_db(Job.objects.count) == 0


async def test_only_who_sees_all_names_a_conversation_by_its_number(alice: Wire, bob: Wire) -> None:
    for number in (7, "7", 99999):
        with pytest.raises(NotAllowed, match="There is no session '"):
            await bob.call("jobs.create", kind="briefing", params={"session": number})
    assert await run_db(Job.objects.count) == 0
    await bob.call("jobs.create", kind="briefing", params={"session": 0}, start=False)
    await alice.call("jobs.create", kind="briefing", params={"session": 7}, start=False)


async def test_lists_have_pages(bob: Wire) -> None:
    made = [(await make(bob))["id"] for _ in range(5)]
    first = await bob.call("jobs.list", limit=3)
    rest = await bob.call("jobs.list", limit=3, cursor=first["nextCursor"])

    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == made[::-1]
    assert "nextCursor" not in rest
    assert (await bob.call("jobs.list", state="running"))["jobs"] == []


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("create", {"kind": "nope"}),
        ("create", {"kind": "selftest", "target": "elsewhere"}),
        ("list", {"state": "nope"}),
    ],
)
async def test_bad_input_is_named(bob: Wire, name: str, params: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        await bob.call(f"jobs.{name}", **params)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("create", {}),
        ("create", {"kind": "selftest", "wrong": 1}),
        ("list", {"cursor": "x"}),
        ("list", {"limit": 0}),
        ("list", {"kind": "\x00"}),
        ("subscribe", {"id": "x", "afterSeq": -1}),
        ("result", {"id": "x", "timeoutMs": 10**9}),
    ],
)
async def test_wrong_shapes_are_named(bob: Wire, name: str, params: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        await bob.call(f"jobs.{name}", **params)


async def test_a_subscriber_gets_each_event_once_and_in_order(bob: Wire, alice: Wire) -> None:
    job = await make(bob, events=200)
    assert (await bob.call("jobs.subscribe", id=job["id"]))["lastSeq"] == 1
    running = asyncio.create_task(asyncio.to_thread(perform_beside, await key_of(job)))
    await until(lambda: len(bob.got) > 20)
    await alice.call("jobs.subscribe", id=job["id"], afterSeq=7)  # joins late, from the middle

    await until(lambda: bob.got[-1]["kind"] == "end" and alice.got and alice.got[-1]["kind"] == "end")
    await running

    assert bob.seqs == list(range(1, 204))
    assert alice.seqs == list(range(8, 204))
    assert bob.got[-1] == bob.got[-1] | {"jobId": job["id"], "data": {"state": "succeeded"}}
    await until(lambda: not feed.count())


async def test_a_finished_job_is_replayed_from_any_number(bob: Wire) -> None:
    job = await make(bob, events=150)
    await run(job)

    for after in (0, 100, 152):
        bob.got.clear()
        answer = await bob.call("jobs.subscribe", id=job["id"], afterSeq=after)
        await until(lambda: bob.got and bob.got[-1]["kind"] == "end")
        assert bob.seqs == list(range(after + 1, answer["lastSeq"] + 1))
    bob.got.clear()
    await bob.call("jobs.subscribe", id=job["id"], afterSeq=10**6)
    assert (bob.got, feed.count()) == ([], 0)


async def test_who_does_not_read_holds_up_nobody_and_misses_nothing(bob: Wire, alice: Wire) -> None:
    job = await make(bob, events=300)
    bob.behind = True
    for wire in (bob, alice):
        await wire.call("jobs.subscribe", id=job["id"])
    await run(job)
    await until(lambda: alice.got and alice.got[-1]["kind"] == "end")
    assert len(bob.got) < 100

    bob.behind = False
    await until(lambda: bob.got and bob.got[-1]["kind"] == "end")

    assert bob.seqs == alice.seqs == list(range(1, 304))


async def test_a_lost_nudge_is_made_up_for(bob: Wire, settings: Settings, tmp_path: Path) -> None:
    job = await make(bob)
    await bob.call("jobs.subscribe", id=job["id"])
    await until(lambda: bob.seqs == [1])
    settings.RUN_DIR = tmp_path / "elsewhere"
    await run(job)

    await until(lambda: bob.got[-1]["kind"] == "end")


async def test_a_result_is_waited_for_when_no_nudge_comes(bob: Wire, settings: Settings, tmp_path: Path) -> None:
    job = await make(bob)
    waiting = asyncio.create_task(bob.call("jobs.result", id=job["id"], timeoutMs=20_000))
    await asyncio.sleep(0)
    settings.RUN_DIR = tmp_path / "elsewhere"
    await run(job)

    assert (await waiting)["done"]


async def test_events_wake_nobody_who_waits_for_the_end(bob: Wire) -> None:
    job = await make(bob)
    waiting = asyncio.create_task(bob.call("jobs.result", id=job["id"], timeoutMs=20_000))
    await until(lambda: feed._waiting)
    for number in range(100):
        feed.on_nudge({"job": job["id"], "seq": number, "over": False})
        await asyncio.sleep(0)

    assert not any(end.is_set() for end in feed._waiting[job["id"]])
    await run(job)
    assert (await waiting)["done"]
    assert not feed._waiting


async def test_many_idle_jobs_are_looked_at_together(bob: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawsite.gateway.jobfeed.LOOK_SECONDS", 0.05)
    jobs = [await make(bob, start=False) for _ in range(30)]
    for job in jobs:
        await bob.call("jobs.subscribe", id=job["id"])

    asked: list[int] = []

    def count(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        asked.append(len(params))
        return execute(sql, params, *rest)

    def begin() -> Any:
        block = connection.execute_wrapper(count)
        block.__enter__()
        return block

    block = await run_db(begin)
    await until(lambda: asked.count(len(jobs)) >= 10)
    await run_db(lambda: block.__exit__(None, None, None))
    assert len(asked) < 100, "ten looks at each of them would be 300"


async def test_a_connection_watches_so_many_jobs_at_most(bob: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawsite.gateway.jobfeed.MOST_WATCHED", 2)
    first, second, third = [await make(bob, start=False) for _ in range(3)]
    for job in (first, second, second):
        await bob.call("jobs.subscribe", id=job["id"])
    with pytest.raises(BadInput, match="2 jobs at most"):
        await bob.call("jobs.subscribe", id=third["id"])

    await bob.call("jobs.unsubscribe", id=first["id"])
    await bob.call("jobs.subscribe", id=third["id"])
    assert feed.count() == 2
    feed.leave(bob)
    assert feed.count() == 0


async def test_unsubscribing_ends_the_events(bob: Wire) -> None:
    job = await make(bob)
    await bob.call("jobs.subscribe", id=job["id"])
    await until(lambda: bob.seqs == [1])
    assert await bob.call("jobs.unsubscribe", id=job["id"]) == {"ok": True}
    await until(lambda: not feed.count())
    await run(job)

    assert bob.seqs == [1]


async def test_the_kinds_are_listed(bob: Wire) -> None:
    names = [kind["name"] for kind in (await bob.call("jobs.kinds"))["kinds"]]
    assert "selftest" in names
    assert names == sorted(names)


async def key_of(job: dict[str, Any]) -> int:
    row = await run_db(access_job, job["id"], owner=None)
    return row.pk


def test_events_of_a_job_that_is_not_ours_are_not_written() -> None:
    assert emit(1, "x", token=1, kind="line", data={}) is None
