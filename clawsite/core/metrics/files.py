"""The files behind counters and histograms: those of all processes are added up for one scrape.

prometheus_client keeps one file for each process in CLAW_HOME/run/metrics. What dead processes counted
is folded into one file, so that totals never go down. Files are allocated whole: a full disk must not
kill a process that counts, as touching a hole of a mapped file would. A process that begins on a full disk counts in
its memory.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest, values
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)

# Set in settings, because it must be there before prometheus_client is imported.
DIRECTORY = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
_FILE_BYTES = 256 * 1024
_KINDS = ("counter", "histogram")
_FOLDED = "folded"


# Processes that found no room for their files; only our own number matters, but a fork brings that of its parent.
_without_files: set[int] = set()


def allocate_files() -> None:
    """Make this process's files with all their blocks; a process forked later makes its own. Never raises."""
    try:
        DIRECTORY.mkdir(mode=0o700, parents=True, exist_ok=True)
        for kind in _KINDS:
            path = DIRECTORY / f"{kind}_{os.getpid()}.db"
            if not path.exists():
                _allocate(path)
    except OSError as error:
        level = logging.DEBUG if _without_files else logging.WARNING  # one word for a process and all its forks
        _without_files.add(os.getpid())
        logger.log(
            level, "What this process counts is in no metrics. %s cannot be used: %s.", DIRECTORY, error.strerror
        )


def _allocate(path: Path) -> None:
    """Make a file with all its blocks; OSError leaves none."""
    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, _FILE_BYTES)
    except OSError:
        path.unlink(missing_ok=True)
        raise


class _Numbers(MmapedDict):
    """What a process counts: in its file, or in memory that ends with it."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if os.getpid() not in _without_files:
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
            return
        memory = os.memfd_create("metrics")
        try:
            super().__init__(f"/proc/self/fd/{memory}", read_mode)  # type: ignore[no-untyped-call]
        finally:
            os.close(memory)


class _Extra(Collector):
    """Metrics that are computed for one scrape, such as queue depths."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._metrics


def scrape(extra: Iterable[Metric] = ()) -> bytes:
    """Return the text of a scrape: the sums of all processes and the extra metrics."""
    registry = CollectorRegistry()
    registry.register(_Extra(extra))
    with _only_one():
        _fold_dead()
        MultiProcessCollector(registry, path=str(DIRECTORY))  # type: ignore[no-untyped-call]
        return generate_latest(registry)


@contextmanager
def _only_one() -> Iterator[None]:
    """Keep readers and folders of the files apart."""
    with (DIRECTORY / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fold_dead() -> None:
    for kind in _KINDS:
        dead = [path for path in DIRECTORY.glob(f"{kind}_*.db") if _is_dead(path)]
        if dead:
            _fold(kind, dead)


def fold_own() -> None:
    """Add this process's files to the folded one, because it ends now; it must not count any more."""
    with _only_one():
        for kind in _KINDS:
            path = DIRECTORY / f"{kind}_{os.getpid()}.db"
            if path.exists():
                _fold(kind, [path])


def _is_dead(path: Path) -> bool:
    pid = path.stem.rpartition("_")[2]
    if pid == _FOLDED:
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return True
    except PermissionError:
        return True  # the pid belongs to somebody else now
    return False


def _fold(kind: str, dead: list[Path]) -> None:
    """Add the dead files to the folded one. A crash before their removal makes them count twice.

    Without room they stay: each is counted as it is.
    """
    total: dict[str, float] = defaultdict(float)
    folded, draft = DIRECTORY / f"{kind}_{_FOLDED}.db", DIRECTORY / f"{kind}.draft"
    for path in [folded, *dead] if folded.exists() else dead:
        _add(path, total)
    try:
        _allocate(draft)
    except OSError as error:
        logger.debug("the metrics of dead processes are not folded: %s", error.strerror)
        return
    numbers = MmapedDict(str(draft))  # type: ignore[no-untyped-call]
    for key, value in total.items():
        numbers.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    numbers.close()  # type: ignore[no-untyped-call]
    draft.replace(folded)
    for path in dead:
        path.unlink(missing_ok=True)


def _add(path: Path, total: dict[str, float]) -> None:
    try:
        rows = MmapedDict.read_all_values_from_file(str(path))  # type: ignore[no-untyped-call]
        for key, value, _, _ in rows:
            total[key] += value
    except Exception as error:  # whatever a torn file makes the reader raise
        logger.warning("the metrics in %s could not be read and are left out: %s", path.name, type(error).__name__)


values.MmapedDict = _Numbers  # type: ignore[attr-defined]
allocate_files()
os.register_at_fork(after_in_child=allocate_files)
