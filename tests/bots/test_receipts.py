"""Receipts: what a platform has taken is not sent again because its sender died before it could record that.

A sender dies here by not recording: its lock is let go of as the kernel would, and the row stays `sending`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bots import receipts
from bots.receipts import Receipts, settle
from clawsite.core.db import run_db
from clawsite.core.errors import LeaseLost
from clawsite.core.leases import Held, release_lease, take_lease
from clawsite.core.models import Process
from sessions_app import outbox
from sessions_app.models import Channel, Message, Outbox, Session
from tests.bots.flow import Flow

Queue = Callable[..., Outbox]


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.RUN_DIR = tmp_path
    return tmp_path / "receipts"


@pytest.fixture
def channel(db: None) -> Channel:
    return Channel.objects.create(kind="webchat", name="first")


@pytest.fixture
def held(channel: Channel) -> Held:
    return lead(channel)


def lead(channel: Channel) -> Held:
    """Take the right to send for a channel; whoever had it is overtaken."""
    process, _ = Process.objects.get_or_create(role="bots", host="here", pid=1, started=1)
    held = take_lease(f"send:{channel.pk}", process_id=process.pk)
    assert held is not None
    return held


def on_its_way(channel: Channel, *, message: Message | None = None) -> Outbox:
    """Make a row that is being sent."""
    number = Outbox.objects.count()
    row = outbox.add_row(
        channel_id=channel.pk,
        chat_id=f"chat {number}",
        session_id=None,
        dedupe_key=str(number),
        payload={"message": message.pk} if message else {},
        sender_here=True,
    )
    assert row is not None
    return row


def die(mine: Receipts) -> None:
    """Let go of the file and remove nothing, as a process that is killed."""
    os.close(mine._file)
    mine._file = -1


def left_by_the_dead(row: Outbox, remote_ids: list[str], *, whole: bool = True, token: int = 1) -> None:
    mine = Receipts(row.channel_id)
    mine.note(row, remote_ids, whole=whole, token=token)
    die(mine)


def stands(row: Outbox) -> tuple[str, list[str]]:
    row.refresh_from_db()
    return row.state, row.remote_ids


def test_what_was_taken_is_recorded_as_its_sender_would_have(channel: Channel, held: Held, folder: Path) -> None:
    session = Session.objects.create(channel=channel, chat_id="chat 0")
    message = Message.objects.create(session=session, role="assistant", seq=1, text="Hello.")
    row, other = on_its_way(channel, message=message), on_its_way(channel)
    left_by_the_dead(row, ["71"], token=held.token)
    assert settle(channel.pk, held=held) == 1
    assert outbox.recover_unknown(channel.pk) == 1
    message.refresh_from_db()
    assert (stands(row), row.resent, message.external_id) == (("sent", ["71"]), False, "71")
    assert row.sent_at is not None
    assert (stands(other), other.resent) == (("new", []), True)
    assert list(folder.iterdir()) == []
    assert settle(channel.pk, held=held) == 0


def test_the_parts_that_are_out_are_kept_and_the_rest_is_sent(channel: Channel, held: Held) -> None:
    row, ahead = on_its_way(channel), on_its_way(channel)
    outbox.keep_part(ahead.pk, remote_ids=["1", "2"])
    left_by_the_dead(row, ["71", "72"], whole=False)
    left_by_the_dead(ahead, ["1"], whole=False)
    assert settle(channel.pk, held=held) == 1
    assert (stands(row), stands(ahead)) == (("sending", ["71", "72"]), ("sending", ["1", "2"]))


def test_a_note_counts_whoever_led_when_the_message_was_taken(channel: Channel, held: Held) -> None:
    """It was taken once, so it is not sent again. Of two notes a whole one counts first, then the later sender's."""
    old, twice, begun = on_its_way(channel), on_its_way(channel), on_its_way(channel)
    left_by_the_dead(old, ["1"], token=held.token)
    left_by_the_dead(twice, ["3"], token=held.token + 1)
    left_by_the_dead(twice, ["2"], token=held.token)
    left_by_the_dead(begun, ["4"], token=held.token)
    left_by_the_dead(begun, ["5"], token=held.token + 1, whole=False)
    assert settle(channel.pk, held=lead(channel)) == 3
    assert [stands(row) for row in (old, twice, begun)] == [("sent", ["1"]), ("sent", ["3"]), ("sent", ["4"])]


def test_a_sender_that_was_overtaken_records_and_removes_nothing(channel: Channel, held: Held, folder: Path) -> None:
    row = on_its_way(channel)
    left_by_the_dead(row, ["71"])
    release_lease(held)
    with pytest.raises(LeaseLost):
        settle(channel.pk, held=held)
    assert (stands(row), len(list(folder.iterdir()))) == (("sending", []), 1)


def test_a_row_that_went_on_is_left_as_it_is(channel: Channel, held: Held) -> None:
    """Sent again by another machine, waiting there, given up, on its way here, or another row of the same number."""
    again, waits, dead, mine, other = (on_its_way(channel) for _ in range(5))
    for row in (again, waits, dead, mine):
        left_by_the_dead(row, ["71"])
    outbox.mark_sent(again.pk, remote_ids=["99"], message_id=None)
    outbox.mark_waiting(waits.pk, seconds=0, error="")
    outbox.mark_dead(dead.pk, error="no")
    other.created_at -= timedelta(hours=1)
    left_by_the_dead(other, ["71"])
    assert settle(channel.pk, held=held, except_for=[mine.pk]) == 0
    assert [stands(row) for row in (again, waits, dead, mine, other)] == [
        ("sent", ["99"]), ("new", []), ("dead", []), ("sending", []), ("sending", []),
    ]  # fmt: skip


def test_the_file_of_a_sender_that_lives_is_its_own(channel: Channel, held: Held, folder: Path) -> None:
    row, living = on_its_way(channel), Receipts(channel.pk)
    living.note(row, ["71"], whole=True, token=1)
    (path,) = folder.iterdir()
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert settle(channel.pk, held=held) == 0
    assert (stands(row), path.exists()) == (("sending", []), True)
    living.close()
    assert path.exists()  # nobody has recorded it
    assert settle(channel.pk, held=held) == 1


def test_a_sender_that_recorded_everything_leaves_no_file(channel: Channel, folder: Path) -> None:
    row, mine = on_its_way(channel), Receipts(channel.pk)
    mine.note(row, ["71"], whole=True, token=1)
    mine.forget(row.pk)
    mine.close()
    mine.note(row, ["72"], whole=True, token=1)
    mine.close()
    assert list(folder.iterdir()) == []


def test_each_account_has_its_own(channel: Channel, held: Held) -> None:
    """The second's number begins like the first's."""
    second = Channel.objects.create(pk=int(f"{channel.pk}1"), kind="webchat", name="second")
    row, other = on_its_way(channel), on_its_way(second)
    left_by_the_dead(row, ["71"])
    left_by_the_dead(other, ["81"])
    assert settle(channel.pk, held=held) == 1
    assert (stands(row), stands(other)) == (("sent", ["71"]), ("sending", []))
    assert settle(second.pk, held=lead(second)) == 1
    assert stands(other) == ("sent", ["81"])


def test_what_is_no_note_is_passed_and_what_follows_it_counts(channel: Channel, held: Held, folder: Path) -> None:
    row, wrong = on_its_way(channel), on_its_way(channel)
    born = wrong.created_at.isoformat()
    no_notes: list[Any] = [
        7, {}, [], [wrong.pk], [wrong.pk, "soon", 1, ["1"], True, 1], [wrong.pk, born[:19], 1, ["1"], True, 1],
        [wrong.pk, born, 2, ["1"], True, 1], [wrong.pk, born, 1, [1], True, 1], [wrong.pk, born, 1, "1", True, 1],
        [wrong.pk, born, 1, ["\0"], True, 1], [wrong.pk, born, 1, ["\ud800"], True, 1],
        [wrong.pk, born, 1, ["1"], 1, 1], [True, born, 1, ["1"], True, 1], [2**80, born, 1, ["1"], True, 1],
        [wrong.pk, born, 1, ["1"], True, None], [wrong.pk, None, 1, ["1"], True, 1],
    ]  # fmt: skip
    left_by_the_dead(row, ["71"])
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    half = whole.strip()[:-4]
    lines = b"\n".join(json.dumps(each).encode() for each in no_notes)
    path.write_bytes(b"\0\xff" * 50 + lines + b"\n" + b"[" * 5000 + b"\n" + half + whole + half)
    (folder / f"{channel.pk}.folder").mkdir()
    (folder / f"{channel.pk}.link").symlink_to(path)
    assert settle(channel.pk, held=held) == 1
    assert (stands(row), stands(wrong)) == (("sent", ["71"]), ("sending", []))


def test_a_full_disk_is_told_once_and_stops_nothing(
    channel: Channel, held: Held, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write_text("in the way of the folder")
    row, mine = on_its_way(channel), Receipts(channel.pk)
    for _ in range(3):
        mine.note(row, ["70"], whole=True, token=1)
    assert settle(channel.pk, held=held) == 0
    folder.unlink()
    mine.note(row, ["71"], whole=True, token=1)
    kept, full = os.dup(mine._file), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, mine._file)
    for _ in range(3):
        mine.note(row, ["72"], whole=True, token=1)
    os.dup2(kept, mine._file)
    os.close(full)
    os.close(kept)
    die(mine)
    assert [
        record.getMessage().rpartition(": ")[2] for record in caplog.records if record.name == receipts.__name__
    ] == [
        "File exists",
        "No space left on device",
    ]
    assert settle(channel.pk, held=held) == 1
    assert stands(row) == ("sent", ["71"])


def test_a_file_stays_small_and_keeps_what_is_on_its_way(channel: Channel, held: Held, folder: Path) -> None:
    slow, quick, mine = on_its_way(channel), on_its_way(channel), Receipts(channel.pk)
    mine.note(slow, ["71"], whole=True, token=1)
    (path,) = folder.iterdir()
    most = 0
    for number in range(1500):
        mine.note(quick, [str(number)], whole=True, token=1)
        mine.forget(quick.pk)
        most = max(most, path.stat().st_size)
    assert receipts.FULL_BYTES < most < receipts.FULL_BYTES + 200
    assert path.stat().st_size < receipts.FULL_BYTES
    die(mine)
    assert settle(channel.pk, held=held) == 2
    assert (stands(slow), stands(quick)) == (("sent", ["71"]), ("sent", ["1499"]))


def files() -> list[Path]:
    return sorted(receipts._folder().iterdir())


def leave_on_its_way() -> None:
    Outbox.objects.update(state="sending", remote_ids=[])


async def test_a_killed_sender_repeats_neither_a_message_nor_a_part(flow: Flow) -> None:
    flow.model.set_default("word " * 1200)
    async with flow.running():
        parts = await flow.says(flow.alice, "a long one", count=2)
        (path,) = files()
        first, second = path.read_bytes().split(b"\n\n")
    assert files() == []
    row = await run_db(Outbox.objects.get)
    assert [json.loads(line)[2] for line in (first, second)] == [1, 2]
    for lines, said in ((first + b"\n" + second, parts), (first, [*parts, parts[1]])):
        await run_db(leave_on_its_way)
        path.write_bytes(lines + b"\n")
        async with flow.running():
            await flow.quiet()
        assert flow.texts(flow.alice) == said
        recorded = await run_db(Outbox.objects.get)
        assert (recorded.state, recorded.remote_ids[0], len(recorded.remote_ids)) == ("sent", row.remote_ids[0], 2)
    assert files() == []
