"""Outside services: what keeps failing is left alone and listed, what answers again is forgiven."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from clawsite.core import breaker, services
from clawsite.core.db import close_pool, run_db
from clawsite.core.errors import BadInput, Unavailable
from clawsite.core.models import ServiceState
from clawsite.core.retry import rate_wait, told_wait
from clawsite.core.services import ServiceReport, Teller, check_service, guard, note_failure, note_success, registry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that holds one kind with two names, of which one was never asked."""
    monkeypatch.setattr(registry, "_kinds", {})
    services.register_service("shop", lambda: ["a", "b"])


def found(name: str) -> ServiceReport:
    return next(each for each in services.report() if each.name == name)


def fail(times: int, *, retry_after: float | None = None) -> None:
    for _ in range(times):
        note_failure("shop", "a", error="It is shut.", error_kind="closed", retry_after=retry_after)


def test_a_service_in_use_is_listed_before_it_was_ever_asked() -> None:
    assert [(each.name, each.state, each.is_failing) for each in services.report()] == [
        ("a", "closed", False), ("b", "closed", False),
    ]  # fmt: skip


def test_the_fifth_failure_in_a_row_opens() -> None:
    fail(4)
    assert (found("a").state, found("a").is_failing) == ("closed", True)
    fail(1)
    a = found("a")
    assert (a.state, a.last_error_kind, a.error) == ("open", "closed", "It is shut.")
    with pytest.raises(Unavailable, match="left alone"):
        check_service("shop", "a")
    check_service("shop", "b")


def test_what_is_asked_rarely_opens_when_it_has_failed_for_a_while() -> None:
    fail(1)
    ServiceState.objects.update(failing_since=timezone.now() - timedelta(seconds=breaker.SLOW_SECONDS + 1))
    fail(1)
    assert found("a").state == "open"


def test_a_service_that_asks_for_rest_gets_it_at_once() -> None:
    fail(1, retry_after=600)
    a = found("a")
    assert a.state == "open"
    assert a.open_until is not None
    assert timedelta(seconds=590) < a.open_until - timezone.now() <= timedelta(seconds=600)


def test_when_the_time_is_over_one_call_tries_and_a_good_one_closes() -> None:
    fail(5)
    ServiceState.objects.update(open_until=timezone.now() - timedelta(seconds=1))
    assert found("a").state == "half_open"
    check_service("shop", "a")
    with pytest.raises(Unavailable):
        check_service("shop", "a")
    assert note_success("shop", "a")
    assert (found("a").state, found("a").is_failing, found("a").error) == ("closed", False, "")
    assert not note_success("shop", "a"), "nothing was wrong any more"


def test_a_guarded_call_counts_no_answer_and_takes_a_refusal_for_one() -> None:
    with pytest.raises(Unavailable), guard("shop", "a"):
        raise Unavailable("shut", retry_after=90)
    assert found("a").state == "open"
    ServiceState.objects.update(open_until=None)
    with pytest.raises(BadInput), guard("shop", "a"):
        raise BadInput("no such article")
    assert not found("a").is_failing
    with guard("shop", "a"):
        pass


def test_secrets_in_errors_and_names_are_not_kept() -> None:
    note_failure("shop", "a", error="https://user:hunter2hunter2@shop.example refused")
    assert "hunter2hunter2" not in found("a").error


def test_a_kind_that_cannot_be_read_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_now: object) -> list[ServiceReport]:
        raise RuntimeError("no")

    services.register_services("broken", broken)
    assert [each.kind for each in services.report()] == ["shop", "shop"]
    assert "kind broken" in caplog.text


@pytest.mark.django_db(transaction=True)
async def test_a_teller_notes_behind_the_work_and_success_rarely() -> None:
    now = 0.0
    teller = Teller("shop", clock=lambda: now)
    try:
        teller.failed("a", error="shut", retry_after=60)
        await teller.drain()
        assert (await run_db(found, "a")).state == "open"
        teller.worked("a")
        await teller.drain()
        assert (await run_db(found, "a")).state == "closed"
        await run_db(fail, 5)
        teller.worked("a")
        await teller.drain()
        assert (await run_db(found, "a")).state == "open", "told a moment ago"
        now = 60.0
        teller.worked("a")
        await teller.drain()
        assert (await run_db(found, "a")).state == "closed"
    finally:
        close_pool()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "99999999"}, 3600.0),
        ({"retry-after": "soon"}, 60.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
    ],
)
def test_what_an_answer_says_about_waiting(headers: dict[str, str], seconds: float | None) -> None:
    assert told_wait(headers) == seconds


def test_a_rate_that_says_nothing_costs_a_minute() -> None:
    assert rate_wait({}) == 60.0
    assert rate_wait({"ratelimit-reset": "1"}) == 0.0
