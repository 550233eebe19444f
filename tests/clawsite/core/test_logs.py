"""What a log line may hold, whatever is logged."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

from clawsite.core.jsonlogs import make_formatter
from clawsite.core.logs import LineFormatter, LogFile, RedactFilter
from clawsite.core.tracing import trace

KEY = "sk-ant-api03-" + "Ab1" * 20


def logged(message: str, *arguments: object) -> logging.LogRecord:
    record = logging.LogRecord("test", logging.INFO, __file__, 1, message, arguments, None)
    assert RedactFilter().filter(record)
    return record


def test_a_secret_in_an_argument_is_masked_and_one_event_is_one_line() -> None:
    assert logged("the key is %s\nand more", KEY).getMessage() == "the key is [secret]\\nand more"


def test_a_secret_in_a_traceback_is_masked() -> None:
    try:
        raise ValueError(KEY)
    except ValueError:
        record = logging.LogRecord("test", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    RedactFilter().filter(record)
    assert record.exc_text
    assert KEY not in record.exc_text


def test_arguments_that_do_not_fit_fail_nobody() -> None:
    assert logged("%d of %d", "one").getMessage() == "%d of %d (its arguments do not fit)"


def write(handler: LogFile, *messages: str) -> None:
    """Log messages through a handler."""
    for message in messages:
        handler.handle(logging.LogRecord("test", logging.INFO, __file__, 1, message, (), None))


def test_processes_share_one_file_and_turn_it_over_together(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "claw.log"
    one, two = LogFile(path, size=100, kept=2), LogFile(path, size=100, kept=2)
    for number in range(40):
        write(one, f"one {number:03}")
        write(two, f"two {number:03}")
    one.close()
    two.close()

    files = {file.name: file.read_text(encoding="utf-8").splitlines() for file in path.parent.glob("claw.log*")}
    assert sorted(files) == ["claw.log", "claw.log.1", "claw.log.2"]
    kept = [line for name in ("claw.log.2", "claw.log.1", "claw.log") for line in files[name]]
    assert kept == [f"{who} {number:03}" for number in range(40) for who in ("one", "two")][-len(kept) :]


def test_who_logs_does_not_feel_a_lock_that_a_frozen_process_holds(tmp_path: Path) -> None:
    path = tmp_path / "claw.log"
    handler = LogFile(path, size=10)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write(handler, "more than ten bytes", "and more")
    handler.close()

    assert path.read_text(encoding="utf-8").splitlines() == ["more than ten bytes", "and more"]


def test_a_file_that_cannot_be_written_fails_nobody(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("not a directory", encoding="utf-8")
    handler = LogFile(tmp_path / "logs" / "claw.log", size=100)
    write(handler, "lost")
    handler.close()


def test_text_that_is_no_text_is_written_all_the_same(tmp_path: Path) -> None:
    handler = LogFile(tmp_path / "claw.log", size=100)
    write(handler, "lone \ud800 surrogate")
    handler.close()

    assert (tmp_path / "claw.log").read_text(encoding="utf-8") == "lone \\ud800 surrogate\n"


def test_a_line_for_people_ends_with_what_it_is_about() -> None:
    formatter = LineFormatter("%(levelname)s %(message)s")
    assert formatter.format(logged("hello")) == "INFO hello"
    with trace("job", trace_id="00000000000000ab", job="j1", session="web:1"):
        assert formatter.format(logged("hello")) == "INFO hello trace_id=00000000000000ab session=web:1 job=j1"


def test_a_line_for_machines_is_one_object() -> None:
    try:
        raise ValueError(f"wrong key {KEY}")
    except ValueError:
        record = logging.LogRecord("claw.test", logging.ERROR, __file__, 1, "failed\nwith %s", (KEY,), sys.exc_info())
    RedactFilter().filter(record)
    with trace("job", trace_id="00000000000000ab", job="j1"):
        line = make_formatter().format(record)
    assert "\n" not in line
    value = json.loads(line)
    assert value.pop("exception").endswith("ValueError: wrong key [secret]")
    assert datetime.fromisoformat(value.pop("ts")).utcoffset() == timedelta(0)
    assert value.pop("pid") == record.process
    assert value == {
        "level": "error", "logger": "claw.test", "message": "failed\\nwith [secret]",
        "trace_id": "00000000000000ab", "job": "j1",
    }  # fmt: skip


def test_settings_choose_how_lines_are_written(tmp_path: Path) -> None:
    code = "import django, logging; django.setup(); logging.getLogger('x').warning('careful')"
    environment = {**os.environ, "CLAW_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "clawsite.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"CLAW_LOG_FORMAT": "json"}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(done.stderr)["message"] == "careful"
    assert json.loads((tmp_path / "logs" / "clawsite.log").read_text())["logger"] == "x"
