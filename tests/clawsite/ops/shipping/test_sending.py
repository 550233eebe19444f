"""What waits is sent once, whoever asks for it at the same time."""

from __future__ import annotations

import threading
from pathlib import Path

from clawsite.ops.backups.stores import FolderStore
from clawsite.ops.shipping.sending import Sender
from tests.clawsite.ops.shipping.sea import Sea


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
