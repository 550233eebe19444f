"""Python imports this by its name at the start of a process that has the folder on its path: its clock is a fake one.

The file that TESTS_CLOCK names holds by how many seconds. Files that are touched are dated by it as well.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

_real, _utime = time.time, os.utime
with Path(os.environ["TESTS_CLOCK"]).open("rb") as _file:
    _ahead = mmap.mmap(_file.fileno(), 0, access=mmap.ACCESS_READ)


def _time() -> float:
    (seconds,) = struct.unpack("d", _ahead[:])
    return _real() + float(seconds)


def _touch(path: Any, times: Any = None, **more: Any) -> None:
    if times is None and "ns" not in more:
        times = (_time(), _time())
    _utime(path, times, **more)


def _now() -> datetime:
    return datetime.fromtimestamp(_time(), UTC)


time.time, os.utime, timezone.now = _time, _touch, _now
