"""Metrics of all processes add up, and what a dead process counted stays counted."""

from __future__ import annotations

import errno
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.mmap_dict import MmapedDict

from clawsite.core import metrics
from clawsite.core.metrics import files
from clawsite.core.metrics.loglines import LineCounter

CODE = """
import os, signal, sys
import django
django.setup()
from clawsite.core import metrics
metrics.TURNS.labels("answer").inc(int(sys.argv[1]))
metrics.observe("agent", 0.02)
pid = os.fork()
if pid == 0:
    metrics.TURNS.labels("answer").inc(100)
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(pid, 0)
if "scrape" in sys.argv:
    print(metrics.scrape().decode(), flush=True)
    print(metrics.scrape().decode(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def run(home: Path, *arguments: str) -> str:
    environment = {**os.environ, "CLAW_HOME": str(home), "DJANGO_SETTINGS_MODULE": "clawsite.settings"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.stdout


def values(text: str, name: str) -> list[float]:
    return [float(value) for value in re.findall(rf"^{re.escape(name)} ([\d.]+)$", text, re.MULTILINE)]


@pytest.mark.parametrize("torn", [False, True])
def test_totals_survive_kills_and_repeated_scrapes(tmp_path: Path, torn: bool) -> None:
    directory = tmp_path / "run" / "metrics"
    run(tmp_path, "1")
    run(tmp_path, "2")
    if torn:
        (directory / "counter_999999999.db").write_bytes(b"\xff" * 100)
    text = run(tmp_path, "4", "scrape")
    assert values(text, 'claw_turns_total{outcome="answer"}') == [307.0, 307.0]
    assert values(text, 'claw_stage_seconds_count{stage="agent"}') == [3.0, 3.0]
    assert values(text, 'claw_stage_seconds_bucket{le="0.025",stage="agent"}') == [3.0, 3.0]
    names = {path.name.rpartition("_")[2] for path in directory.glob("*.db")}
    assert "folded.db" in names
    assert len(names) == 2


def test_files_have_all_their_blocks(tmp_path: Path) -> None:
    run(tmp_path, "1")
    for path in (tmp_path / "run" / "metrics").glob("*.db"):
        found = path.stat()
        assert found.st_blocks * 512 >= found.st_size == 256 * 1024


def test_without_room_a_process_counts_in_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(files, "DIRECTORY", tmp_path / "file" / "metrics")
    monkeypatch.setattr(files, "_without_files", set())
    files.allocate_files()
    numbers: Any = files._Numbers(str(tmp_path / "file" / "metrics" / "counter_1.db"))
    for number in range(2000):  # more than fits at first
        numbers.write_value(f"key {number}", float(number), 0.0)
    assert [numbers.read_value(f"key {number}")[0] for number in (0, 1999)] == [0.0, 1999.0]
    numbers.close()


def test_without_room_the_numbers_of_the_dead_stay_in_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    dead = tmp_path / "counter_999999999.db"
    made: Any = MmapedDict(str(dead))  # type: ignore[no-untyped-call]
    made.close()
    monkeypatch.setattr(files, "DIRECTORY", tmp_path)
    monkeypatch.setattr(os, "posix_fallocate", fail)
    files._fold_dead()
    assert [path.name for path in tmp_path.iterdir()] == [dead.name]
    monkeypatch.undo()
    monkeypatch.setattr(files, "DIRECTORY", tmp_path)
    files._fold_dead()
    assert [path.name for path in tmp_path.iterdir()] == ["counter_folded.db"]


def test_names_are_those_of_a_scrape() -> None:
    found = metrics.names()
    assert {"claw_turns_total", "claw_stage_seconds_bucket", "claw_log_lines_total"} <= found
    assert "claw_turns" not in found


def test_a_gauge_is_declared_once_and_shows_its_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics.gauges, "GAUGES", {})
    gauge = metrics.declare("claw_test_rows", "Rows.", "queue", only_grows=True)
    with pytest.raises(ValueError, match="two gauges"):
        metrics.declare("claw_test_rows", "Rows.")
    sample = gauge.show([(("inbox",), 3.0)]).samples[0]
    assert (sample.name, sample.labels, sample.value) == ("claw_test_rows_total", {"queue": "inbox"}, 3.0)


def test_lines_that_warn_are_counted_when_they_are_written() -> None:
    def count() -> float:
        return sum(s.value for m in metrics.LOG_LINES.collect() for s in m.samples if s.name.endswith("_total"))

    metrics.write_lines()
    before = count()
    handler = LineCounter()
    for _ in range(3):
        handler.handle(logging.LogRecord("test", logging.WARNING, __file__, 1, "careful", (), None))
    assert count() == before
    metrics.write_lines()
    assert count() == before + 3
