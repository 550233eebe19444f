"""Ids follow what is done for a message, into tasks and threads; a collector gets spans that hang together."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from clawsite.core.db import close_pool, run_db
from clawsite.core.tracing import carry, flush, ids, new_trace_id, span, trace, trace_id
from tests.servers.collector import Collector

CODE = """
import sys
import django
django.setup()
from clawsite.core.tracing import flush, span, trace
with trace("message") as traced, span("stage"):
    traced.adopt(session="web:1")
flush()
print([name for name in sys.modules if name.startswith(("opentelemetry", "structlog"))])
"""


@pytest.fixture
def collector(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setattr("clawsite.core.tracing.otlp.FLUSH_SECONDS", 30)  # the collector shares this process
    with Collector() as opened:
        settings.CLAW_OTLP_URL = opened.url
        settings.CLAW_OTLP_TOKEN = "token-of-the-collector"
        yield opened


def test_outside_of_a_trace_there_are_no_ids() -> None:
    assert (ids(), trace_id()) == ({}, "")


async def test_tasks_have_the_ids_of_who_began_them() -> None:
    async def look() -> dict[str, str]:
        await asyncio.sleep(0)
        return ids()

    with trace("message") as traced:
        task = asyncio.create_task(look())
        traced.adopt("0123456789abcdef", session="web:1")
        assert await task == {"trace_id": "0123456789abcdef", "session": "web:1"}
    assert ids() == {}


@pytest.mark.django_db(transaction=True)
async def test_the_database_thread_has_the_ids_of_who_asked() -> None:
    try:
        with trace("job", job="j1"):
            found = await run_db(lambda: (threading.current_thread().name, ids()["job"]))
        assert found[0].startswith("claw-db")
        assert found[1] == "j1"
        assert await run_db(ids) == {}
    finally:
        close_pool()


def test_work_without_a_trace_is_carried_as_it_is() -> None:
    assert carry(ids) is ids


def test_nothing_of_opentelemetry_is_loaded_without_a_collector() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "clawsite.settings"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_spans_hang_together(collector: Collector) -> None:
    with trace("message", channel="telegram") as traced:
        with span("stage input"):
            pass
        traced.adopt(session="web:1")
        with span("stage agent"), span("model", model="m"):
            pass
    flush()
    message, early, agent, model = (
        collector.named(name) for name in ("message", "stage input", "stage agent", "model")
    )
    assert message.attributes == {"claw.channel": "telegram", "claw.session": "web:1"}
    assert (early.parent, agent.parent, model.parent) == (message.span_id, message.span_id, agent.span_id)
    assert {seen.trace_id for seen in collector.spans} == {message.trace_id}
    assert message.began <= early.began <= early.ended <= agent.began <= model.ended <= message.ended
    assert collector.tokens == ["Bearer token-of-the-collector"]


def test_what_is_done_later_is_a_part_of_the_same_trace(collector: Collector) -> None:
    number = new_trace_id()
    with trace("message"):
        first = trace_id()
    with trace("delivery", trace_id=first):
        pass
    with trace("message") as traced, span("stage input"):
        traced.adopt(number)  # a decision goes on with a turn that began in another process
    flush()
    message, again = (seen for seen in collector.spans if seen.name == "message")
    delivery = collector.named("delivery")
    assert message.span_id == first
    assert (delivery.trace_id, delivery.parent) == (message.trace_id, message.span_id)
    assert (again.trace_id, again.parent) == (number.rjust(32, "0"), number)
    assert collector.named("stage input").parent == again.span_id


def test_of_an_error_only_its_type_is_told(collector: Collector) -> None:
    with pytest.raises(ValueError, match="secret"), trace("job"), span("step"):
        raise ValueError("a secret text")
    flush()
    assert [seen.failed for seen in collector.spans if seen.name == "job"] == ["ValueError"]
    assert "secret text" not in repr(collector.spans)


def test_a_collector_that_is_away_is_in_nobodys_way(settings: Settings) -> None:
    settings.CLAW_OTLP_URL = "http://127.0.0.1:9"
    with trace("message"), span("stage input"):
        pass
    flush()


def test_a_forked_process_sends_its_own_spans(collector: Collector) -> None:
    with trace("parent"):
        pass
    pid = os.fork()
    if pid == 0:
        try:
            with trace("child"):
                pass
            flush()
        finally:
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    flush()
    assert sorted(seen.name for seen in collector.spans) == ["child", "parent"]
