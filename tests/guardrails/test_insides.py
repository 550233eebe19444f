"""What bubblewrap is told, and when: nothing inside begins before the kernel bounds it."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from guardrails.groups import Group
from guardrails.insides import Insides
from tests.guardrails.test_groups import empty, mount, ours

__all__ = ["mount"]


@pytest.fixture(params=[0, 1100])
def others(request: pytest.FixtureRequest) -> Iterator[int]:
    """So many files that this process has open: a process with many has large descriptors."""
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        files.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (few, most))
        for _ in range(request.param):
            files.enter_context(open(os.devnull, "rb"))
        yield request.param


@pytest.mark.usefixtures("others")
def test_nothing_begins_before_it_is_bounded_however_late_bubblewrap_is(mount: Path) -> None:
    with Group(7) as group, Insides(True, group) as insides, ExitStack() as ends:
        (place,) = ours(mount)
        told, held = os.dup(insides.told), os.dup(insides.held)
        for end in (told, held):
            ends.callback(os.close, end)
        os.set_blocking(held, False)
        insides.started()
        insides.begin()
        with pytest.raises(BlockingIOError):
            os.read(held, 1)
        os.write(told, b'{\n    "child-pid": %d' % os.getpid())
        insides.begin()
        assert (place / "cgroup.procs").read_text() == str(os.getpid())
        assert os.read(held, 1) == b"\n"  # an end of file would not come while another child holds the other end
        empty(place)


@pytest.mark.parametrize("said", [b"", b"{"])
def test_of_a_bubblewrap_that_fails_nothing_is_put_in(mount: Path, said: bytes) -> None:
    with Group(7) as group, Insides(True, group) as insides:
        (place,) = ours(mount)
        os.write(insides.told, said)
        insides.started()
        insides.begin()
        assert not (place / "cgroup.procs").exists()
        insides.end()
        empty(place)
