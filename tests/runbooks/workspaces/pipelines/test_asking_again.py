"""A forge that did not answer is asked until it does, although nobody follows a pipeline of its."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from clawsite.core.db import close_pool
from clawsite.core.errors import Unavailable
from runbooks.models import ForgeConnection
from runbooks.workspaces.pipelines.asking_again import ask_again, take_failing
from runbooks.workspaces.pipelines.connections import note_answer
from tests.servers.forges import GitHubServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """The database thread of a worker, which ends with the test."""
    yield
    close_pool()


def fail(row: ForgeConnection, *, times: int = 1, ago: float = 20) -> None:
    for _ in range(times):
        note_answer(row, Unavailable("GitHub answered with status 502."))
    ForgeConnection.objects.update(failing_since=timezone.now() - timedelta(seconds=ago))


def is_failing(row: ForgeConnection) -> bool:
    row.refresh_from_db()
    return row.failing_since is not None


def test_it_is_over_when_the_forge_answers_again(connected: ForgeConnection, forge: GitHubServer) -> None:
    assert asyncio.run(ask_again()) == 0, "nothing is wrong"
    fail(connected)
    assert asyncio.run(ask_again()) == 1
    assert not is_failing(connected)


def test_who_met_the_failure_tries_first_and_one_worker_asks(connected: ForgeConnection) -> None:
    fail(connected, ago=2)
    assert take_failing() == []
    fail(connected)
    assert (len(take_failing()), take_failing()) == (1, [])


def test_what_does_not_answer_is_left_alone_for_a_while(connected: ForgeConnection) -> None:
    ForgeConnection.objects.update(api_url="http://127.0.0.1:1")
    fail(connected)
    assert asyncio.run(ask_again()) == 1
    assert asyncio.run(ask_again()) == 0
    assert is_failing(connected)
    assert connected.failures == 2
    assert connected.open_until is not None


@pytest.mark.parametrize("fields", [{"enabled": False}, {"kind": "generic"}])
def test_what_is_off_or_only_tells_is_not_asked(connected: ForgeConnection, fields: dict[str, object]) -> None:
    fail(connected)
    ForgeConnection.objects.update(**fields)
    assert take_failing() == []
