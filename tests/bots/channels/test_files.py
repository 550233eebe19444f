"""Only plain files beneath the folders meant for it leave, and what arrives appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from bots.channels.base import ChannelError, OutboundFile
from bots.channels.files import create_file, open_outbound


@pytest.fixture
def home(tmp_path: Path, settings: Settings) -> Path:
    """A state directory with a key, a database and something to send."""
    settings.CLAW_HOME = tmp_path
    (tmp_path / "media" / "1").mkdir(parents=True)
    (tmp_path / "media" / "1" / "a.txt").write_text("hello")
    (tmp_path / "secret.key").write_text("key")
    (tmp_path / "workspaces").mkdir()
    (tmp_path / "workspaces" / "a.txt").write_text("somebody's")
    (tmp_path / "media" / "link").symlink_to(tmp_path / "secret.key")
    (tmp_path / "media" / "folder").symlink_to(tmp_path)
    os.link(tmp_path / "secret.key", tmp_path / "media" / "hard")
    os.mkfifo(tmp_path / "media" / "pipe")
    return tmp_path


def test_file_in_media_is_opened(home: Path) -> None:
    with open_outbound(OutboundFile(path="media/1/a.txt", name="a.txt")) as file:
        assert file.read() == b"hello"


@pytest.mark.parametrize(
    "path",
    [
        "secret.key", "/etc/passwd", "", "media", "media/1", "media/1/missing", "media/../secret.key", "../x",
        "media/link", "media/folder/secret.key", "media/hard", "media/pipe", "media//1/a.txt", "media/\x00",
        "media/\ud800", "media/./1/a.txt", "workspaces/a.txt",
    ],
)  # fmt: skip
def test_everything_else_is_refused(home: Path, path: str) -> None:
    with pytest.raises(ChannelError) as caught:
        open_outbound(OutboundFile(path=path, name="x"))
    assert caught.value.permanent
    assert str(home) not in caught.value.message


def test_new_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "f"
    with create_file(target) as out:
        out.write(b"x")
        assert not target.exists()
    assert target.read_bytes() == b"x"
    assert target.stat().st_mode & 0o777 == 0o600


def test_failed_file_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with create_file(tmp_path / "f") as out:
            out.write(b"x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert list(tmp_path.iterdir()) == []


def test_leftover_of_a_crash_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".f.part").write_bytes(b"old and long")
    with create_file(tmp_path / "f") as out:
        out.write(b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"new"
