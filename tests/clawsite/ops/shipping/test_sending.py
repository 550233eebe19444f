"""What waits is sent once, whoever asks for it at the same time; a store that is away holds the others not up."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.joined import Joined
from clawsite.ops.backups.stores import FolderStore
from clawsite.ops.shipping import sending
from clawsite.ops.shipping.names import only
from clawsite.ops.shipping.sending import Sender, stored
from clawsite.ops.shipping.spool import burden
from tests.clawsite.ops.shipping.sea import Sea, texts


def test_the_end_waits_for_what_is_being_sent(sea: Sea, tmp_path: Path) -> None:
    """Else it would send the same once more, and tell of a part that is gone when the other call has removed it."""
    began, go_on, sent = threading.Event(), threading.Event(), list[str]()

    class Slow(FolderStore):
        def put(self, name: str, path: Path, **_: object) -> None:
            sent.append(name)
            began.set()
            assert go_on.wait(30)

    sea.snapshot(anew=True)
    sender = Sender(sea.collector.spool, [Slow(tmp_path / "slow")])
    calls = [threading.Thread(target=sender.send) for _ in range(2)]
    for call in calls:
        call.start()
        assert began.wait(30)
    go_on.set()
    for call in calls:
        call.join(30)
    assert len(sent) == 1


def test_a_store_that_fails_holds_the_others_not_up(sea: Sea, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    broken = FolderStore(tmp_path / "file")
    collector = sea.collector
    sea.snapshot(anew=True)
    sea.write("one")
    collector.collect()
    sender = Sender(collector.spool, [broken, sea.store])
    with pytest.raises(BackupFailed):
        sender.send()
    assert texts(sea.recover()) == ["one"]
    assert len(collector.spool.parts()) == 2
    (tmp_path / "file").unlink()
    assert sender.send() == 2
    assert stored(broken) == stored(sea.store)
    assert collector.spool.parts() == []


def test_a_store_that_is_away_for_days_does_not_end_the_copying_to_the_others(
    sea: Sea, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it misses meanwhile the others have; it leads to moments by itself again when it has the next snapshot."""
    (tmp_path / "file").write_text("no folder")
    away = FolderStore(tmp_path / "file")
    collector = sea.collector
    sender = Sender(collector.spool, [away, sea.store])
    sea.snapshot(anew=True)
    texts_ = [f"{number} {os.urandom(2000).hex()}" for number in range(20)]
    for text in texts_:
        sea.write(text)
        collector.collect()
    monkeypatch.setattr(sending, "MOST_BYTES", burden(collector.spool.parts()) // 2)
    snapshot = only("snap", collector.spool.parts())
    for _ in range(2):
        with pytest.raises(BackupFailed):
            sender.send()
    left = collector.spool.parts()
    assert 5 < len(left) < 15, "the oldest were let go"
    assert only("snap", left) == snapshot
    assert burden(left) <= sending.MOST_BYTES
    assert caplog.text.count("will not get all of it") == 1
    assert texts(sea.recover()) == texts_

    (tmp_path / "file").unlink()
    assert sender.send() == len(left)
    assert collector.spool.parts() == []
    assert texts(sea.recover(source=Joined([away, sea.store]))) == texts_
    sea.snapshot()
    sea.write("last")
    collector.collect()
    sender.send()
    assert texts(sea.recover(source=Joined([away]))) == [*texts_, "last"]


def test_what_no_store_has_is_never_let_go(sea: Sea, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(sending, "MOST_BYTES", 0)
    collector = sea.collector
    sea.snapshot(anew=True)
    sea.write("one")
    collector.collect()
    with pytest.raises(BackupFailed):
        Sender(collector.spool, [FolderStore(tmp_path / "file")]).send()
    assert len(collector.spool.parts()) == 2
