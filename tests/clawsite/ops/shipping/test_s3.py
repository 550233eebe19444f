"""A chain in S3-compatible storage, beside the folder of the machine: kept, recovered from, and forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings

from clawsite.ops.backups.joined import Joined
from clawsite.ops.backups.places import all_stores
from clawsite.ops.shipping.names import only
from clawsite.ops.shipping.sending import Sender, forget, stored
from tests.clawsite.ops.shipping.sea import Sea, texts
from tests.servers.s3 import S3Server

pytestmark = pytest.mark.timeout(240)


def test_a_machine_that_is_gone_is_recovered_from_the_bucket(tmp_path: Path, settings: LazySettings) -> None:
    settings.CLAW_HOME = tmp_path / "home"
    settings.CLAW_BACKUP_DIR = str(tmp_path / "store")
    settings.CLAW_BACKUP_S3_KEY, settings.CLAW_BACKUP_S3_SECRET = "key", "secret"
    sea = Sea(tmp_path)
    with S3Server.running() as server:
        settings.CLAW_BACKUP_S3 = server.address("claw")
        both = all_stores()
        sender = Sender(sea.collector.spool, both)
        sea.snapshot(anew=True)
        for text in ("one", "two"):
            sea.write(text)
            sea.collector.collect()
            assert sender.send() >= 1
        assert stored(both[0]) == stored(both[1])
        sea.store = both[1]
        assert texts(sea.recover()) == ["one", "two"]
        for part in stored(both[0]):
            (tmp_path / "store" / part.name).write_bytes(b"")
        joined = Joined(both)
        assert texts(sea.recover(source=joined)) == ["one", "two"]
        assert joined.spoilt == {str(tmp_path / "store"): 3}

        sea.snapshot()
        sender.send()
        newest = only("snap", stored(both[1]))[-1]
        assert forget(both[1], keep=0) == 3
        assert stored(both[1]) == [newest]
        assert texts(sea.recover()) == ["one", "two"]
    sea.close()
