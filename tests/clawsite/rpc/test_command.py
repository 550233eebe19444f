"""`rpc METHOD [JSON]`: what it shows, and the code it ends with."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clawsite.rpc.command.options import Defaults
from clawsite.rpc.command.prompt import find_completions
from clawsite.rpc.command.run import main
from tests.clawsite.rpc.meeting import TOKEN
from tests.servers.gateway import GatewayEmulator

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def gateway() -> Iterator[GatewayEmulator]:
    """The scripted gateway on a thread of its own."""
    with GatewayEmulator().running() as server:
        yield server


class Terminal:
    """Runs the command as a person does, against one gateway."""

    def __init__(self, gateway: GatewayEmulator, capsys: pytest.CaptureFixture[str]) -> None:
        self.defaults = Defaults(url=gateway.url, token_ref=lambda: TOKEN, auth_hint="Make a token.")
        self._capsys = capsys

    def run(self, *argv: str) -> tuple[int, str, str]:
        """Return the exit code, the output and the notes."""
        try:
            code = main(argv, prog="rpc", defaults=self.defaults)
        except SystemExit as done:
            code = int(str(done.code))
        said = self._capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def terminal(gateway: GatewayEmulator, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal at the scripted gateway."""
    return Terminal(gateway, capsys)


def test_an_answer_is_shown_for_people_or_for_programs(terminal: Terminal) -> None:
    params = '{"text": "olá", "n": [1]}'

    assert terminal.run("echo", params) == (0, '{\n  "text": "olá",\n  "n": [\n    1\n  ]\n}\n', "")
    assert terminal.run("echo", params, "--json") == (0, '{"text":"olá","n":[1]}\n', "")


def test_options_may_stand_anywhere(terminal: Terminal) -> None:
    assert terminal.run("echo", "--timeout", "9", '{"n": 1}', "--json") == (0, '{"n":1}\n', "")
    assert "unrecognized arguments: more" in terminal.run("echo", "{}", "--json", "more")[2]


def test_raw_shows_the_frames_of_the_wire(terminal: Terminal) -> None:
    code, out, _ = terminal.run("echo", '{"n": 1}', "--raw")
    frames = [json.loads(line) for line in out.splitlines()]

    assert code == 0
    assert {"type": "res", "id": "1", "ok": True, "payload": {"n": 1}} in frames


def test_parameters_come_from_a_file_or_the_input(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.json").write_text('{"n": 1}')
    monkeypatch.setattr("sys.stdin", io.StringIO('{"n": 2}'))

    assert terminal.run("echo", f"@{tmp_path}/params.json", "--json")[1] == '{"n":1}\n'
    assert terminal.run("echo", "-", "--json")[1] == '{"n":2}\n'


def test_a_job_is_watched_to_its_end(terminal: Terminal, gateway: GatewayEmulator) -> None:
    code, out, _ = terminal.run("jobs.create", '{"kind": "selftest"}', "--watch")
    shown = [line.split(maxsplit=3)[1:] for line in out.splitlines()[-4:]]
    assert code == 0
    assert shown[0] == ["1", "line", "line 1"]
    assert shown[-1] == ["4", "end", '{"state":"succeeded"}']

    (job_id,) = gateway.jobs.by_id
    code, out, _ = terminal.run("--watch", job_id, "--after", "2", "--json")
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [3, 4]
    assert terminal.run("--watch", job_id, "--after", "4") == (0, "", "")


def test_a_job_that_did_not_succeed_ends_with_1(terminal: Terminal, gateway: GatewayEmulator) -> None:
    job = gateway.on_loop(gateway.jobs.create)
    gateway.on_loop(lambda: job.end("failed"))

    assert terminal.run("--watch", job.id)[0] == 1
    assert terminal.run("--watch", job.id, "--after", "1")[0] == 1
    assert terminal.run("health", "--watch")[0] == 1


def test_an_error_answer_ends_with_1(terminal: Terminal, gateway: GatewayEmulator) -> None:
    missing = {"code": "FORBIDDEN", "message": "missing scope: operator.write", "details": {"code": "MISSING_SCOPE"}}
    gateway.fault("error", "send", error=missing, times=None)

    assert terminal.run("send") == (1, "", 'FORBIDDEN: missing scope: operator.write\n{"code":"MISSING_SCOPE"}\n')
    code, out, err = terminal.run("send", "--json")
    assert (code, err) == (1, "")
    assert json.loads(out) == {"error": missing}


@pytest.mark.parametrize(
    "argv",
    [
        ("health", "{"),
        ("health", "[]"),
        ("health", '{"n": NaN}'),
        ("health", '{"text": "\\ud800"}'),
        ("health", "@/nowhere"),
        ("--watch",),
        ("--nonsense",),
        ("health", "--timeout", "soon"),
        ("health", "--timeout", "nan"),
        ("health", "--after", "-1"),
        ("health", "--key", "x"),
        ("health", "--url", "http://127.0.0.1"),
        ("health", "--json", "--raw"),
        ("health", "--token-env", "NOBODY_SETS_THIS"),
        ("health", "--token-file", "/nowhere"),
    ],
)
def test_wrong_options_end_with_2_and_say_why(terminal: Terminal, argv: tuple[str, ...]) -> None:
    code, out, err = terminal.run(*argv)

    assert (code, out) == (2, "")
    assert err


def test_no_gateway_ends_with_3(terminal: Terminal, gateway: GatewayEmulator) -> None:
    code, out, err = terminal.run("health", "--url", "ws://127.0.0.1:1")
    assert (code, out) == (3, "")
    assert err == "ws://127.0.0.1:1 cannot be reached: Connection refused.\n"

    gateway.fault("silent", "connect")
    assert terminal.run("health", "--timeout", "0.1")[0] == 3


def test_a_refusal_ends_with_4_and_says_how_to_get_in(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("claw_wrong_secret")
    monkeypatch.setenv("SOME_TOKEN", "claw_wrong_secret")

    for argv in (("--token-file", f"{tmp_path}/token"), ("--token-env", "SOME_TOKEN")):
        code, out, err = terminal.run("health", *argv)
        assert (code, out) == (4, "")
        assert "token mismatch" in err
        assert err.endswith("Make a token.\n")
        assert "claw_wrong" not in err


def test_no_answer_ends_with_5(terminal: Terminal, gateway: GatewayEmulator) -> None:
    gateway.fault("silent", "echo", times=None)

    assert terminal.run("echo", "--timeout", "2") == (5, "", "echo was not answered within 2 s.\n")


def test_the_second_answer_is_waited_for_when_asked(terminal: Terminal) -> None:
    params = '{"message": "hi", "idempotencyKey": "k"}'

    assert json.loads(terminal.run("agent", params, "--json")[1])["status"] == "accepted"
    assert json.loads(terminal.run("agent", params, "--json", "--final")[1])["status"] == "ok"


def test_what_comes_from_outside_moves_no_cursor(terminal: Terminal, gateway: GatewayEmulator) -> None:
    job = gateway.on_loop(gateway.jobs.create)
    gateway.on_loop(lambda: job.emit("line", {"text": "\x1b[2J\u202egone\r"}))
    gateway.on_loop(job.end)
    _, out, _ = terminal.run("--watch", job.id)

    assert "?[2J?gone" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("option", ["--json", "--raw", "--timeout=9"])
def test_json_stays_the_same_json(terminal: Terminal, gateway: GatewayEmulator, option: str) -> None:
    """Spaces that do not break, joined emoji and ends of paragraphs are a part of what people write."""
    text = "10\u00a0000 \N{WOMAN}\u200d\N{ROCKET} a\u2028b\u0085c \x7f\u202e\U000e0041"
    code, out, _ = terminal.run("echo", json.dumps({"text": text}), option)
    shown = [json.loads(line) for line in out.splitlines()] if option == "--raw" else [json.loads(out)]

    assert code == 0
    assert text in {frame.get("text", frame.get("payload", {}).get("text")) for frame in shown}
    assert all(char.isprintable() or char == "\n" for char in out)


def test_events_as_json_stay_the_same_json(terminal: Terminal, gateway: GatewayEmulator) -> None:
    job = gateway.on_loop(gateway.jobs.create)
    gateway.on_loop(lambda: job.emit("line", {"text": "10\u00a0000\u2028"}))
    gateway.on_loop(job.end)
    lines = terminal.run("--watch", job.id, "--json")[1].splitlines()

    assert [json.loads(line)["data"] for line in lines] == [{"text": "10\u00a0000\u2028"}, {"state": "succeeded"}]


def test_piped_lines_are_calls_over_one_connection(
    terminal: Terminal, gateway: GatewayEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = 'echo {"n": 1}\n\nwatch\nnothing\nmethods jobs.s\nhelp\nquit\nhealth\n'
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    code, out, err = terminal.run("--json")

    assert out.splitlines()[0] == '{"n":1}'
    assert json.loads(out.splitlines()[1])["error"]["message"] == "unknown method: nothing"
    assert json.loads(out.splitlines()[2]) == ["jobs.start", "jobs.status", "jobs.subscribe"]
    assert "write: watch JOB" in err
    assert code == 1
    assert (len(gateway.connects), gateway.count("health")) == (1, 0)


def test_names_are_completed_from_what_the_gateway_has() -> None:
    assert find_completions("jobs.s", ("jobs.start", "jobs.status", "health")) == ["jobs.start", "jobs.status"]
    assert find_completions("he", ("health",)) == ["health", "help"]


def environment(gateway: GatewayEmulator, home: Path) -> dict[str, str]:
    """Return the environment of an installation that is that gateway."""
    ours = {"CLAW_HOME": str(home), "CLAW_PORT": str(gateway.port), "CLAW_GATEWAY_TOKEN": TOKEN}
    return {**os.environ, **ours, "TERM": "dumb"}


def run_program(*argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program of the project."""
    return subprocess.run(
        [sys.executable, *argv], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_manage_py_rpc_has_the_defaults_of_the_installation(gateway: GatewayEmulator, tmp_path: Path) -> None:
    done = run_program("manage.py", "rpc", "health", "--json", env=environment(gateway, tmp_path))

    assert (done.returncode, done.stdout, done.stderr) == (0, '{"ok":true}\n', "")
    assert gateway.connects[0]["client"]["id"] == "cli"


def test_a_token_file_of_the_installation_is_found(gateway: GatewayEmulator, tmp_path: Path) -> None:
    (tmp_path / "gateway.token").write_text(TOKEN)
    done = run_program("manage.py", "rpc", "ping", env={**environment(gateway, tmp_path), "CLAW_GATEWAY_TOKEN": ""})

    assert done.returncode == 0


def test_manage_py_rpc_loads_no_models(gateway: GatewayEmulator, tmp_path: Path) -> None:
    program = (
        "import sys, atexit; sys.argv = ['manage.py', 'rpc', 'health']; import manage\n"
        "atexit.register(lambda: print([n for n in sys.modules if n in ('django.db.models', 'clawsite.models')]))\n"
        "manage.main()"
    )
    done = run_program("-c", program, env=environment(gateway, tmp_path))

    assert done.stdout.splitlines()[-1] == "[]"


def test_manage_py_help_rpc_shows_the_same_help(gateway: GatewayEmulator, tmp_path: Path) -> None:
    own = run_program("manage.py", "rpc", "--help", env=environment(gateway, tmp_path)).stdout

    assert "exit codes:" in own
    assert run_program("manage.py", "help", "rpc", env=environment(gateway, tmp_path)).stdout == own


def test_it_runs_without_django(gateway: GatewayEmulator, tmp_path: Path) -> None:
    env = environment(gateway, tmp_path)
    done = run_program("-m", "clawsite.rpc", "--url", gateway.url, "health", "--json", env=env)

    assert (done.returncode, done.stdout) == (0, '{"ok":true}\n')


def test_a_reader_that_leaves_is_no_error(gateway: GatewayEmulator, tmp_path: Path) -> None:
    command = (
        f'{sys.executable} manage.py rpc echo \'{{"text": "{"x" * 70000}"}}\' | head -c 1; exit ${{PIPESTATUS[0]}}'
    )
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=environment(gateway, tmp_path), capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, b"{", b"")


class Typist:
    """A person at a terminal where the command runs."""

    def __init__(self, *argv: str, env: dict[str, str]) -> None:
        self.seen = ""
        self._new = ""
        self._parent, child = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, *argv], cwd=ROOT, env=env, stdin=child, stdout=child, stderr=child, start_new_session=True
        )
        os.close(child)

    def read_until(self, text: str) -> None:
        """Read on until there is this text, after everything that was read until before."""
        deadline = time.monotonic() + 30
        while text not in self._new:
            assert time.monotonic() < deadline, self.seen + self._new
            if select.select([self._parent], [], [], 1)[0]:
                self._new += os.read(self._parent, 1000).decode()
        before, found, self._new = self._new.partition(text)
        self.seen += before + found

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._parent, keys)

    def leave(self) -> int:
        """Wait for the end of the command and return its code."""
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self._parent)


def test_at_a_terminal_there_is_a_prompt_with_completion_and_history(gateway: GatewayEmulator, tmp_path: Path) -> None:
    typist = Typist("manage.py", "rpc", "--json", env=environment(gateway, tmp_path))
    typist.read_until("rpc> ")
    typist.type(b"hea\t\n")
    typist.read_until('{"ok":true}')
    typist.read_until("rpc> ")
    typist.type(b"\x04")

    assert typist.leave() == 0
    assert "version emulator" in typist.seen
    assert (tmp_path / "rpc_history").read_text().split() == ["health"]
    assert (tmp_path / "rpc_history").stat().st_mode & 0o777 == 0o600
