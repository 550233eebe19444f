"""The way out to a remote, tried with the real git and a real sshd: what gets through it, and what is left behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from guardrails.processes import Completed, run
from runbooks.workspaces.sync.addresses import read_address
from runbooks.workspaces.sync.door import PROGRAMS, Door, Login, open_door, private_folder
from runbooks.workspaces.sync.failures import read_failure
from runbooks.workspaces.sync.keys import make_key
from tests.servers.ssh import Sshd

TOKEN = "s3cr3t-t0ken-of-the-forge"


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    """A server that lets nobody in yet."""
    with Sshd.running() as server:
        yield server


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An empty repository."""
    path = tmp_path / "app.git"
    subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True, timeout=20)
    return path


def ask(door: Door, url: str, cwd: Path) -> Completed:
    """Ask a repository for its branches, through the door."""
    return run(["git", *door.config, "ls-remote", "--", url], cwd=cwd, env=door.env)


def test_an_exchange_that_ends_just_now_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with private_folder() as other:
        pass
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([other]))  # as it was listed a moment before
    with private_folder() as folder:
        assert folder.is_dir()


def test_a_key_and_a_pinned_host_get_through(sshd: Sshd, bare: Path, tmp_path: Path) -> None:
    key = make_key("app")
    sshd.allow(key.public)
    url = sshd.url(bare)
    with open_door(read_address(url), Login(key=key.private, host_keys=[sshd.host_key])) as door:
        assert all(key.private not in value for value in (*door.env.values(), *door.config))
        done = ask(door, url, tmp_path)

    assert done.ok, done.stderr


def test_a_home_and_a_password_may_have_letters_of_any_language(
    sshd: Sshd, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CLAW_HOME", tmp_path / "алексей")
    key = make_key("app")
    sshd.allow(key.public)
    url = sshd.url(bare)
    with open_door(read_address(url), Login(key=key.private, host_keys=[sshd.host_key])) as door:
        done = ask(door, url, tmp_path)
    assert done.ok, done.stderr

    question = b"protocol=https\nhost=forge.test\n\n"
    with open_door(read_address("https://forge.test/us/app"), Login(user="josé", token="senha-não-dita")) as door:
        done = run([str(PROGRAMS / "credential"), "get"], cwd=tmp_path, env=door.env, stdin=question)
    assert done.stdout.decode() == "username=josé\npassword=senha-não-dita\n"


def test_a_host_that_is_not_pinned_or_another_one_is_not_spoken_to(sshd: Sshd, bare: Path, tmp_path: Path) -> None:
    key = make_key("app")
    sshd.allow(key.public)
    url = sshd.url(bare)
    other = " ".join(make_key("other").public.split()[:2])
    for host_keys in ([], [other]):
        with open_door(read_address(url), Login(key=key.private, host_keys=host_keys)) as door:
            done = ask(door, url, tmp_path)
        assert not done.ok
        assert read_failure(done.stdout, done.stderr).problem == "host_key"


def test_a_key_that_is_not_let_in_is_denied(sshd: Sshd, bare: Path, tmp_path: Path) -> None:
    sshd.allow(make_key("other").public)
    url = sshd.url(bare)
    with open_door(read_address(url), Login(key=make_key("app").private, host_keys=[sshd.host_key])) as door:
        done = ask(door, url, tmp_path)

    assert read_failure(done.stdout, done.stderr).problem == "denied"


def test_nothing_is_left_on_the_disk_and_nobody_else_may_look() -> None:
    root = settings.CLAW_HOME / "run" / "sync"
    with private_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(ZeroDivisionError):
        fail_in_the_door()
    assert list(root.iterdir()) == []


def fail_in_the_door() -> None:
    with open_door(read_address("git@host:us/app"), Login(key=make_key("app").private)) as door:
        assert Path(door.env["CLAW_SSH_CONFIG"]).with_name("key").stat().st_mode & 0o777 == 0o600
        raise ZeroDivisionError


def test_another_protocol_than_the_remotes_is_refused(bare: Path, tmp_path: Path) -> None:
    with open_door(read_address("https://forge.test/us/app"), Login(token=TOKEN)) as door:
        done = ask(door, f"file://{bare}", tmp_path)

    assert b"not allowed" in done.stderr


@pytest.mark.parametrize(
    ("question", "is_told"),
    [
        ("protocol=https\nhost=forge.test\n\n", True),
        ("protocol=https\nhost=evil.test\n\n", False),
        ("protocol=http\nhost=forge.test\n\n", False),
        ("host=forge.test\n\n", False),
        ("", False),
    ],
)
def test_the_token_goes_to_its_own_host_alone(question: str, is_told: bool, tmp_path: Path) -> None:
    with open_door(read_address("https://forge.test/us/app"), Login(user="bot", token=TOKEN)) as door:
        assert TOKEN not in str(door)
        done = run([str(PROGRAMS / "credential"), "get"], cwd=tmp_path, env=door.env, stdin=question.encode())
        stored = run([str(PROGRAMS / "credential"), "store"], cwd=tmp_path, env=door.env, stdin=question.encode())

    assert (TOKEN in done.stdout.decode()) is is_told
    assert stored.stdout == b""


def test_git_asks_our_program_for_the_token(tmp_path: Path) -> None:
    question = b"protocol=https\nhost=forge.test\n\n"
    with open_door(read_address("https://forge.test/us/app"), Login(user="bot", token=TOKEN)) as door:
        done = run(["git", *door.config, "credential", "fill"], cwd=tmp_path, env=door.env, stdin=question)

    assert f"username=bot\npassword={TOKEN}\n" in done.stdout.decode()
