"""What a hostile program in the sandbox tries: to be root, to see and reach others, to use up the machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from guardrails.groups import Group
from guardrails.processes import Bounds, Completed, Limits, Sandbox, run
from guardrails.sandbox import find_sandbox
from tests.guardrails.test_processes import is_gone, needs_sandbox, python, wait_until

__all__ = ["needs_sandbox"]
pytestmark = pytest.mark.usefixtures("needs_sandbox")
MB = 1024**2


def hostile(code: str, folder: Path, *, seconds: float = 30.0, **bounds: int) -> Completed:
    """Run Python code with one writable folder."""
    limits = Limits(seconds=seconds, memory_bytes=0, bounds=Bounds(**bounds))
    base = Path(sys.base_prefix).resolve()
    return run(python(code), cwd=folder, limits=limits, sandbox=Sandbox(writable=(folder,), readable=_shown(base)))


def _shown(base: Path) -> tuple[Path, ...]:
    return tuple({base, Path(sys.prefix)} - {Path("/usr")})


def test_nobody_is_root_inside_and_nothing_gives_rights_back(tmp_path: Path) -> None:
    code = (
        "import os, subprocess\n"
        "print(os.getuid(), [line.split()[1] for line in open('/proc/self/status') if line.startswith('Cap')])\n"
        "print(subprocess.run(['unshare', '-rm', 'true'], stderr=subprocess.DEVNULL).returncode != 0)\n"
    )
    found = find_sandbox()
    assert found is not None
    rights, closed = hostile(code, tmp_path).stdout.decode().splitlines()
    assert rights == "1000 " + str(["0" * 16] * 5)
    assert closed == "True" or "--disable-userns" not in found.options


def test_no_setting_of_the_kernel_can_be_opened_for_writing(tmp_path: Path) -> None:
    """Root outside could otherwise name, in kernel.core_pattern, a program that the kernel runs as root."""
    code = (
        "import os\n"
        "for folder, _, names in os.walk('/proc/sys'):\n"
        "    for name in names:\n"
        "        try: os.close(os.open(os.path.join(folder, name), os.O_WRONLY))\n"
        "        except OSError: continue\n"
        "        print(folder, name)\n"
    )
    done = hostile(code, tmp_path)
    assert (done.code, done.stdout) == (0, b"")


def test_only_the_folder_and_two_small_places_can_be_written(tmp_path: Path) -> None:
    code = (
        "for place in ('/x', '/dev/x', '/usr/x', '/etc/x', '/proc/x', '/tmp/x', '/dev/shm/x', 'x'):\n"
        "    try: open(place, 'w').close(); print(place)\n"
        "    except OSError: pass\n"
    )
    assert hostile(code, tmp_path).stdout.decode().split() == ["/tmp/x", "/dev/shm/x", "x"]


def test_what_lies_in_memory_is_limited(tmp_path: Path) -> None:
    code = (
        "for place in ('/tmp/x', '/dev/shm/x'):\n"
        "    try:\n"
        "        with open(place, 'wb') as file:\n"
        "            for _ in range(64): file.write(b'x' * 1048576)\n"
        "    except OSError as error: print(error.errno)\n"
    )
    sandbox = Sandbox(writable=(tmp_path,), readable=_shown(Path(sys.base_prefix).resolve()), tmp_bytes=8 * MB)
    assert run(python(code), cwd=tmp_path, sandbox=sandbox).stdout.split() == [b"28", b"28"]


def test_the_environment_of_others_and_what_they_are_is_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAW_CANARY", "canary-of-ours")
    other = subprocess.Popen(["sleep", "60"], env={"CLAW_CANARY": "canary-of-ours"})
    code = (
        "import glob\n"
        "for path in glob.glob('/proc/[0-9]*/*'):\n"
        "    if path.endswith(('environ', 'cmdline')):\n"
        "        try: print(open(path).read())\n"
        "        except OSError: pass\n"
        f"print(len(glob.glob('/proc/[0-9]*')), {tmp_path.name!r})"
    )
    try:
        shown = hostile(code, tmp_path).stdout.decode()
    finally:
        other.kill()
        other.wait()
    assert "canary-of-ours" not in shown
    assert "sleep" not in shown
    assert shown.split()[-2] == "2"


def test_no_socket_of_the_machine_is_reached(tmp_path: Path) -> None:
    name = f"\0claw-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as abstract, socket.create_server(("127.0.0.1", 0)) as server:
        abstract.bind(name)
        abstract.listen()
        code = (
            "import socket\n"
            f"for family, place in ((socket.AF_UNIX, {name!r}), (socket.AF_INET, {server.getsockname()!r}),\n"
            "                      (socket.AF_INET, ('192.0.2.1', 80))):\n"
            "    with socket.socket(family) as one:\n"
            "        one.settimeout(5)\n"
            "        try: one.connect(place); print('reached', place)\n"
            "        except OSError: print('no')\n"
        )
        assert hostile(code, tmp_path).stdout.split() == [b"no"] * 3


@pytest.mark.parametrize(
    "code",
    [
        "import os, time\nfor _ in range(1500):\n    if not os.fork(): time.sleep(60); os._exit(0)",
        "import threading, time\nfor _ in range(1500): threading.Thread(target=time.sleep, args=(60,)).start()",
        # its begin is over at once, and its children leave their session; what was run does not end before them
        "import os, time\nif os.fork(): time.sleep(60); os._exit(0)\nif os.fork(): os._exit(0)\nos.setsid()\n"
        "for _ in range(1500):\n    if not os.fork(): time.sleep(60); os._exit(0)\ntime.sleep(60)",
    ],
    ids=["processes", "threads", "orphans"],
)
def test_a_fork_bomb_is_put_out(tmp_path: Path, code: str) -> None:
    done = hostile(code, tmp_path, tasks=64)
    assert not done.ok
    assert done.excess == "tasks" or b"Resource temporarily unavailable" in done.stderr or b"can't start" in done.stderr
    assert wait_until(partial(_is_nobody_left, tmp_path), seconds=20)


def test_a_bomb_whose_processes_all_fork_is_held_by_the_kernel(tmp_path: Path) -> None:
    """It doubles until somebody looks, and a busy machine looks late: one mark is written for every process."""
    code = "import os\nwhile True:\n    try: os.fork() or os.write(1, b'x')\n    except BlockingIOError: pass"
    done = hostile(code, tmp_path, tasks=64)
    assert (done.ok, done.excess) == (False, "tasks")
    with Group(1) as group:
        assert 0 < len(done.stdout) < 64 or not (group.made or os.geteuid())
    assert wait_until(partial(_is_nobody_left, tmp_path), seconds=20)


def _is_nobody_left(folder: Path) -> bool:
    return not any(_works_in(each, folder) for each in Path("/proc").glob("[0-9]*"))


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:
        return False


def test_the_disk_is_not_filled(tmp_path: Path) -> None:
    code = (
        "import os\n"
        "for number in range(400):\n"
        "    with open(f'f{number}', 'wb') as file: file.write(b'x' * 4194304); file.flush(); os.fsync(file.fileno())\n"
    )
    done = hostile(code, tmp_path, disk_bytes=32 * MB)
    assert (done.excess, done.ok) == ("disk", False)
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 1600 * MB


def test_memory_is_counted_over_all_processes(tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "for _ in range(8):\n"
        "    if not os.fork(): kept = bytearray(os.urandom(1048576) * 24); time.sleep(60); os._exit(0)\n"
        "time.sleep(60)"
    )
    done = hostile(code, tmp_path, memory_bytes=96 * MB)
    assert (done.excess, done.timed_out) == ("memory", False)


def test_what_stays_within_its_bounds_is_left_alone(tmp_path: Path) -> None:
    code = "import subprocess\nfor _ in range(5): subprocess.run(['true'])\nopen('kept', 'w').write('x' * 10000)"
    done = hostile(code, tmp_path, tasks=64, memory_bytes=256 * MB, disk_bytes=32 * MB)
    assert (done.ok, done.excess, done.confined) == (True, "", "sandbox")


def test_a_gibibyte_of_output_is_cut(tmp_path: Path) -> None:
    limits = Limits(seconds=60, output_bytes=MB)
    argv = ["dd", "if=/dev/zero", "bs=1M", "count=1024"]
    done = run(argv, cwd=tmp_path, limits=limits, sandbox=Sandbox(writable=(tmp_path,)))
    assert (done.code, done.truncated) == (0, True)
    assert len(done.stdout) + len(done.stderr) <= MB


def test_nothing_outlives_the_parent(tmp_path: Path) -> None:
    """A process of ours that is killed takes the sandbox with it."""
    code = (
        "from pathlib import Path\nfrom guardrails.processes import Sandbox, run\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "run(['sh', '-c', 'setsid sleep 60 & echo x > up; sleep 60'], cwd=folder,"
        " sandbox=Sandbox(writable=(folder,)), with_parent=True)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], env={"PYTHONPATH": str(Path.cwd())})
    try:
        assert wait_until((tmp_path / "up").exists, seconds=30)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert wait_until(partial(_is_nobody_left, tmp_path), seconds=20)
    finally:
        parent.kill()
        parent.wait()
    assert is_gone(parent.pid)
