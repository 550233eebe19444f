"""The client without an event loop."""

from __future__ import annotations

import concurrent.futures
import itertools
import threading
from collections.abc import Iterator

import pytest

from clawsite.rpc import BlockingClient, ClientClosed, HandshakeRefused, RpcError, Unreachable, connect
from tests.clawsite.rpc.meeting import target_of
from tests.servers.gateway import GatewayEmulator


@pytest.fixture
def gateway() -> Iterator[GatewayEmulator]:
    """The scripted gateway on a thread of its own."""
    with GatewayEmulator().running() as server:
        yield server


def test_the_same_calls_wait_for_their_end(gateway: GatewayEmulator) -> None:
    with connect(target_of(gateway)) as client:
        job = client.request("jobs.create", {"kind": "selftest", "start": False})["job"]
        client.request("jobs.start", {"id": job["id"]})
        kinds = [event.kind for event in client.subscribe(job["id"])]
        done = client.request("jobs.result", {"id": job["id"]})["done"]

        assert client.hello is not None
        assert client.ping() > 0
    assert (kinds, done) == (["line", "line", "line", "end"], True)


def test_threads_share_it(gateway: GatewayEmulator) -> None:
    with connect(target_of(gateway)) as client, concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: client.request("echo", {"n": n})["n"], range(200)))

    assert answers == list(range(200))
    assert len(gateway.connects) == 1


def test_events_are_read_from_the_call_on(gateway: GatewayEmulator) -> None:
    with connect(target_of(gateway)) as client:
        chats = client.events("tick")
        gateway.on_loop(gateway.cut_all)
        assert next(chats).event == "tick"
        chats.close()  # type: ignore[attr-defined]


def test_errors_are_the_same(gateway: GatewayEmulator) -> None:
    with connect(target_of(gateway)) as client, pytest.raises(RpcError, match="unknown method"):
        client.request("nothing")
    with pytest.raises(HandshakeRefused):
        connect(target_of(gateway, token_ref=lambda: "claw_wrong"))
    with pytest.raises(Unreachable):
        connect(target_of(gateway, ws_url="ws://127.0.0.1:1"))


def test_closing_leaves_no_thread_and_says_so(gateway: GatewayEmulator) -> None:
    client = BlockingClient(target_of(gateway))
    job = gateway.on_loop(gateway.jobs.create)
    gateway.on_loop(lambda: job.emit("line"))
    events = client.subscribe(job.id)
    assert next(events).seq == 1
    threading.Timer(0.1, client.close).start()
    with pytest.raises(ClientClosed):
        list(events)
    with pytest.raises(ClientClosed):
        client.request("health")
    client.close()

    assert not [thread for thread in threading.enumerate() if thread.name == "gateway here"]


def test_leaving_a_loop_lets_the_job_go(gateway: GatewayEmulator) -> None:
    with connect(target_of(gateway)) as client:
        job = gateway.on_loop(gateway.jobs.create)
        gateway.on_loop(lambda: job.emit("line"))
        assert [event.seq for event in itertools.islice(client.subscribe(job.id), 1)] == [1]
        client.request("ping")

    assert gateway.count("jobs.unsubscribe") == 1
