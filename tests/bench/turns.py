"""What a turn costs: our own time beside the same two calls made directly by the SDKs, alone and ten at once.

`python -m tests.bench` prints the table of the README; the tests of this folder run a shorter version.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.bench.timing import TimedTelegram, fsync_ms, median_ms, p95_ms, pss_mb
from tests.faults.stack import Stack, product_environment
from tests.servers.messages import MessagesServer

FIRST_CHAT = 2001
ANSWER = " ".join(f"word{number}" for number in range(60))
DELTAS = 20
# Messages that others wrote and that were answered before.
PAST = 50_000
# How often what is compared is measured in turns.
ROUNDS = 4


@dataclass(kw_only=True)
class Bench:
    """One run's figures. Milliseconds unless the name says otherwise."""

    fsync: float = 0.0
    direct: float = 0.0
    alone: float = 0.0
    alone_p95: float = 0.0
    together_per_second: float = 0.0
    together_p95: float = 0.0
    by_past: dict[int, float] = field(default_factory=dict)
    by_history: dict[int, float] = field(default_factory=dict)
    ready_seconds: float = 0.0
    first_answer_seconds: float = 0.0
    memory_mb: dict[str, float] = field(default_factory=dict)


@contextlib.contextmanager
def product(
    home: Path, *, chats: int, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[Stack, TimedTelegram, MessagesServer, Bench]]:
    """Run the product against emulators in this process; start-up is measured on the way."""
    bench = Bench()
    with TimedTelegram().running() as telegram, MessagesServer().running() as model:
        people = [FIRST_CHAT + number for number in range(chats)]
        for person in people:
            telegram.add_user(f"User {person}", user_id=person)
        model.set_default(ANSWER, deltas=DELTAS)
        wanted = {"TELEGRAM_ALLOWED_USERS": ",".join(map(str, people))} | dict(environment or {})
        stack = Stack(home, product_environment(telegram, model) | wanted)
        migrated = stack.manage("migrate", "--verbosity", "0")
        if migrated.returncode:
            raise RuntimeError(migrated.stderr)
        telegram.ask(people[0], "are you there?")
        begin = time.perf_counter()
        stack.start()
        try:
            stack.wait_ready()
            bench.ready_seconds = time.perf_counter() - begin
            telegram.wait_for_bot(people[0], 1, timeout=30)
            bench.first_answer_seconds = telegram.first_answer_at - begin
            yield stack, telegram, model, bench
        finally:
            stack.stop()


def measure_direct(telegram: TimedTelegram, model: MessagesServer, *, turns: int) -> float:
    """The median of the two calls of a turn made by the SDKs alone: a streamed answer and a message sent."""

    async def run() -> list[float]:
        import anthropic  # noqa: PLC0415 - only this measurement needs the SDKs in this process
        import telegram as sdk  # noqa: PLC0415

        client = anthropic.AsyncAnthropic(api_key="sk-ant-test", base_url=model.url, max_retries=0)
        bot = sdk.Bot(telegram.token, base_url=f"{telegram.url}/bot")
        taken = []
        async with bot, client:
            for number in range(turns + 5):
                begin = time.perf_counter()
                stream = await client.messages.create(
                    model="claude-sonnet-5-5",
                    max_tokens=4096,
                    messages=[{"role": "user", "content": f"turn {number}"}],
                    stream=True,
                )
                parts = []
                async for event in stream:
                    if event.type == "content_block_delta" and event.delta.type == "text_delta":
                        parts.append(event.delta.text)
                await bot.send_message(FIRST_CHAT, "".join(parts))
                taken.append(time.perf_counter() - begin)
        return taken[5:]

    return median_ms(asyncio.run(run()))


@contextlib.contextmanager
def _filling(home: Path) -> Iterator[sqlite3.Connection]:
    """One large transaction on the database of a product that runs."""
    with contextlib.closing(sqlite3.connect(home / "clawsite.sqlite3", timeout=30)) as database:
        with database:
            yield database
        # Readers would search the log of so large a transaction until somebody puts it away; none is as large in life.
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def fill_history(home: Path, *, chat: int | str, messages: int) -> None:
    """Give a session that exists so many earlier messages, in one go."""
    with _filling(home) as database:
        session, last = database.execute(
            "SELECT id, last_seq FROM sessions_app_session WHERE chat_id = ?", [str(chat)]
        ).fetchone()
        rows = (
            (session, last + number, "user" if number % 2 else "assistant", f"earlier message {number}")
            for number in range(1, messages + 1)
        )
        database.executemany(
            "INSERT INTO sessions_app_message (session_id, seq, role, text, external_id, data, tokens, created_at)"
            " VALUES (?, ?, ?, ?, '', '{}', 6, '2026-01-01 00:00:00')",
            rows,
        )
        database.execute(
            "UPDATE sessions_app_session SET last_seq = last_seq + ?, memory = 'truncate' WHERE id = ?",
            [messages, session],
        )


def fill_past(home: Path, *, chat: int | str, messages: int) -> None:
    """Let so many messages of a chat have been answered two hours ago: copies of the rows of its newest one."""
    if not messages:
        return
    with _filling(home) as database:
        outbox, session = database.execute(
            "SELECT max(id), max(session_id) FROM sessions_app_outbox WHERE chat_id = ? AND state = 'sent'", [str(chat)]
        ).fetchone()
        turn, inbox = database.execute(
            "SELECT id, inbox_id FROM sessions_app_turn WHERE session_id = ? AND state = 'done' ORDER BY id DESC",
            [session],
        ).fetchone()
        (last,) = database.execute("SELECT max(id) FROM sessions_app_inbox").fetchone()
        for table, row, own in (
            ("sessions_app_inbox", inbox, {"id": f"{last} + n", "external_id": "'past ' || n"}),
            ("sessions_app_turn", turn, {"id": "NULL", "inbox_id": f"{last} + n"}),
            ("sessions_app_outbox", outbox, {"id": "NULL", "dedupe_key": "'past ' || n"}),
        ):
            _copy_row(database, table, row, messages, own)


def empty_past(home: Path) -> None:
    """Remove what `fill_past` made."""
    with _filling(home) as database:
        inbox = "SELECT id FROM sessions_app_inbox WHERE external_id LIKE 'past %'"
        database.execute(f"DELETE FROM sessions_app_turn WHERE inbox_id IN ({inbox})")  # noqa: S608 - ours
        database.execute("DELETE FROM sessions_app_outbox WHERE dedupe_key LIKE 'past %'")
        database.execute("DELETE FROM sessions_app_inbox WHERE external_id LIKE 'past %'")


def _copy_row(database: sqlite3.Connection, table: str, row: int, count: int, own: dict[str, str]) -> None:
    """Copy a row; `own` are the expressions of what differs in copy `n`. Times are two hours ago."""
    columns = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
    ago = {name: "strftime('%Y-%m-%d %H:%M:%f', 'now', '-2 hours')" for name in columns if name.endswith("_at")}
    values = ", ".join(({name: name for name in columns} | ago | own).values())
    database.execute(
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})"  # noqa: S608 - ours
        f" INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table}, numbers WHERE {table}.id = {row}"
    )


def measure_memory(stack: Stack) -> dict[str, float]:
    """MB (PSS) by role; a role's processes are added up."""
    found: dict[str, float] = defaultdict(float)
    roles = stack.roles()
    for process in stack.family():
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
            found[roles.get(process.pid, "worker's children")] += pss_mb(process.pid)
    return dict(found)


def _by_past(home: Path, telegram: TimedTelegram, chats: list[int], *, turns: int) -> dict[int, float]:
    """A turn without and with a past, in turns, so that a moment in which the machine is slower meets both."""
    taken: dict[int, list[float]] = {0: [], PAST: []}
    for _ in range(ROUNDS):
        for past, durations in taken.items():
            fill_past(home, chat=chats[-1], messages=past)
            telegram.converse(chats[:1], turns=5, timeout=120)  # what the processes had read is another database's now
            telegram.converse(chats[:1], turns=max(5, turns // 2), timeout=120)
            durations.extend(telegram.durations())
        empty_past(home)
    return {past: median_ms(seconds) for past, seconds in taken.items()}


def run_bench(
    home: Path, *, turns: int = 100, sessions: int = 10, history: tuple[int, ...] = (10, 10_000, 100_000)
) -> Bench:
    """Measure everything in one run."""
    chats = [FIRST_CHAT + number for number in range(sessions)]
    with product(home, chats=sessions) as (stack, telegram, model, bench):
        bench.fsync = fsync_ms(home)
        bench.memory_mb = measure_memory(stack)
        telegram.converse(chats, turns=5, timeout=60)
        bench.direct = measure_direct(telegram, model, turns=turns)
        telegram.converse(chats[:1], turns=turns, timeout=120)
        bench.alone, bench.alone_p95 = median_ms(telegram.durations()), p95_ms(telegram.durations())
        seconds = telegram.converse(chats, turns=turns // 2, timeout=120)
        bench.together_per_second = sessions * (turns // 2) / seconds
        bench.together_p95 = p95_ms(telegram.durations())
        bench.by_past = _by_past(home, telegram, chats, turns=turns)
        for chat, count in zip(chats, history, strict=False):
            fill_history(home, chat=chat, messages=count)
        taken: dict[int, list[float]] = {count: [] for count in history}
        for _ in range(ROUNDS):
            for chat, count in zip(chats, history, strict=False):
                telegram.converse([chat], turns=max(5, turns // 4), timeout=120)
                taken[count] += telegram.durations()
        bench.by_history = {count: median_ms(seconds) for count, seconds in taken.items()}
    return bench
