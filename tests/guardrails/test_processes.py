"""Programs: what they are given, what they may use, how they end, and what a sandbox keeps from them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from clawsite.core.errors import BadInput, NotConfigured
from guardrails import sandbox
from guardrails.processes import Limits, Sandbox, run
from guardrails.sandbox import find_sandbox, has_sandbox

PYTHON = sys.executable


@pytest.fixture
def needs_sandbox() -> None:
    """Skip where bubblewrap does not work; where CI promises all programs, that is a failure."""
    if not has_sandbox():
        message = "bubblewrap does not work here; install the package bubblewrap"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


@pytest.fixture
def no_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pretend to be a machine without bubblewrap."""
    monkeypatch.setattr(sandbox, "PATH", "/nowhere")
    find_sandbox.cache_clear()
    yield
    find_sandbox.cache_clear()


def wait_until(condition: Callable[[], bool], *, seconds: float = 30.0) -> bool:
    """Poll a condition up to a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def python(code: str, *arguments: str) -> list[str]:
    """Return the argument list of a small program."""
    return [PYTHON, "-I", "-c", code, *arguments]


def test_output_code_and_input(tmp_path: Path) -> None:
    code = "import sys; data = sys.stdin.read(); print(data.upper()); print('oops', file=sys.stderr); sys.exit(3)"
    done = run(python(code), cwd=tmp_path, stdin=b"hello")
    assert (done.code, done.stdout, done.stderr, done.ok) == (3, b"HELLO\n", b"oops\n", False)
    assert done.confined == "limits"


def test_arguments_reach_the_program_as_they_are(tmp_path: Path) -> None:
    arguments = ["; rm -rf /", "$(id)", "`id`", "a b", "*", "--flag", "é"]
    done = run(python("import sys; print(sys.argv[1:])", *arguments), cwd=tmp_path)
    assert done.stdout.decode().strip() == repr(arguments)


@pytest.mark.parametrize(
    "argv", [[], "ls -l", ["no-such-program-here"], ["./x"], ["/etc/passwd"], ["/"], ["ls", "a\x00b"]]
)
def test_what_cannot_be_run_is_refused(tmp_path: Path, argv: list[str]) -> None:
    with pytest.raises(BadInput):
        run(argv, cwd=tmp_path)


def test_the_environment_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret-of-ours")
    done = run(["env"], cwd=tmp_path, env={"MORE": "1"})
    names = {line.partition("=")[0] for line in done.stdout.decode().splitlines()}
    assert names == {"PATH", "HOME", "LANG", "TMPDIR", "MORE"}


def test_a_program_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "print(os.getpid(), child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    done = run(python(code), cwd=tmp_path, limits=Limits(seconds=5.0))
    assert done.timed_out
    assert done.code == -signal.SIGTERM
    assert done.seconds < 30
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    assert all(wait_until(partial(is_gone, pid)) for pid in pids)


def test_one_that_ignores_the_polite_signal_is_killed_too(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    done = run(python(code), cwd=tmp_path, limits=Limits(seconds=5.0))
    assert (done.timed_out, done.code, done.stdout) == (True, -signal.SIGKILL, b"up\n")


def test_a_child_left_behind_is_killed_and_not_waited_for(tmp_path: Path) -> None:
    code = "import subprocess; child = subprocess.Popen(['sleep', '60']); print(child.pid, flush=True)"
    done = run(python(code), cwd=tmp_path)
    assert done.ok
    assert done.seconds < 30
    assert wait_until(lambda: is_gone(int(done.stdout)))


def test_output_is_cut_and_does_not_stop_the_program(tmp_path: Path) -> None:
    done = run(python("print('x' * 3_000_000); print('y' * 10)"), cwd=tmp_path, limits=Limits(output_bytes=1000))
    assert (done.code, done.truncated, done.stdout) == (0, True, b"x" * 1000)


def test_a_program_that_does_not_read_its_input_is_no_trouble(tmp_path: Path) -> None:
    assert run(["true"], cwd=tmp_path, stdin=b"x" * 2_000_000).ok


def test_memory_files_and_time_are_limited(tmp_path: Path) -> None:
    memory = run(python("b'x' * (1 << 30)"), cwd=tmp_path, limits=Limits(memory_bytes=512 * 1024**2))
    assert b"MemoryError" in memory.stderr
    big = run(python("open('f', 'wb').write(b'x' * 100_000)"), cwd=tmp_path, limits=Limits(file_bytes=10_000))
    assert not big.ok
    assert (tmp_path / "f").stat().st_size <= 10_000
    busy = run(python("while True: pass"), cwd=tmp_path, limits=Limits(cpu_seconds=1, seconds=60))
    assert busy.code in (-signal.SIGKILL, -signal.SIGXCPU)
    assert not busy.timed_out


@pytest.mark.usefixtures("no_sandbox")
def test_without_a_sandbox_a_demand_is_refused(tmp_path: Path) -> None:
    assert not has_sandbox()
    with pytest.raises(NotConfigured, match="bubblewrap"):
        run([PYTHON, "-V"], cwd=tmp_path, sandbox=Sandbox())


@pytest.mark.usefixtures("needs_sandbox")
def test_a_sandbox_sees_one_directory_and_no_network(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    work = tmp_path / "work"
    work.mkdir()
    script = (
        f"cat {secret} || echo hidden; echo kept > kept; echo no > /usr/no || echo readonly;"
        " ls /sys/class/net /proc/net/dev; cat /proc/net/dev; ls /root /home; env"
    )
    done = run(["sh", "-c", script], cwd=work, sandbox=Sandbox(writable=(work,)))
    shown = done.stdout.decode()
    assert done.confined == "sandbox"
    assert "hidden" in shown
    assert "readonly" in shown
    assert (work / "kept").read_text() == "kept\n"
    assert [line.split(":")[0].strip() for line in shown.splitlines() if ":" in line and "|" not in line][:1] == ["lo"]
    assert "CLAW_HOME" not in shown


@pytest.mark.usefixtures("needs_sandbox")
def test_a_sandbox_does_not_see_the_keys_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = Path("/etc/ssl/certs")  # stands for the keys, which not every machine has
    if not certificates.is_dir():
        pytest.skip("there are no certificates here")
    monkeypatch.setattr(sandbox, "_KEYS", certificates)
    done = run(["ls", "-A", str(certificates)], cwd=tmp_path, sandbox=Sandbox())
    assert (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.usefixtures("needs_sandbox")
def test_a_sandbox_is_read_only_unless_told_and_dies_in_time(tmp_path: Path) -> None:
    done = run(
        ["sh", "-c", "echo x > y || echo readonly; sleep 60"], cwd=tmp_path, sandbox=Sandbox(), limits=Limits(seconds=5)
    )
    assert done.timed_out
    assert b"readonly" in done.stdout
    assert not (tmp_path / "y").exists()
