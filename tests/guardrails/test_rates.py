"""The one table of rates: its defaults, what CLAW_RATES changes, and what a wrong entry does."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from guardrails.limits import reset_limits
from guardrails.rates import DEFAULTS, acheck_named, check_named, find_rate, wrong_entries


@pytest.fixture(autouse=True)
def fresh() -> None:
    reset_limits()


def test_every_rate_is_said_in_words_and_counts_something() -> None:
    for name, rate in DEFAULTS.items():
        assert rate.count >= 1
        assert rate.seconds >= 1
        assert rate.what, name
        assert rate.text == f"{rate.count}/{rate.seconds}s"


def test_what_tries_a_password_is_refused_when_it_cannot_be_counted() -> None:
    assert [name for name in ("login", "second-factor", "first-login", "form") if find_rate(name).open] == []


def test_the_setting_changes_single_rates(settings: Settings) -> None:
    settings.CLAW_RATES = ["login=10/m", "chat.upload = 100/h"]
    assert (find_rate("login").count, find_rate("login").seconds) == (10, 60)
    assert find_rate("chat.upload").text == "100/3600s"
    assert find_rate("page") == DEFAULTS["page"]


@pytest.mark.parametrize("entry", ["login", "login=0/m", "login=5", "login=5/y", "nothing=5/m", "login=-1/m", "=5/m"])
def test_a_wrong_entry_is_found_and_changes_nothing(settings: Settings, entry: str) -> None:
    settings.CLAW_RATES = [entry]
    assert wrong_entries() == [entry]
    assert find_rate("login") == DEFAULTS["login"]


async def test_uses_are_counted_by_who_it_is(settings: Settings) -> None:
    settings.CLAW_RATES = ["webhook.ci=2/m"]
    assert [check_named("webhook.ci", "1").allowed for _ in range(3)] == [True, True, False]
    assert (await acheck_named("webhook.ci", "2")).allowed
    assert not (await acheck_named("webhook.ci", "1")).allowed


def test_this_machine_may_a_hundred_times_as_much(settings: Settings) -> None:
    settings.CLAW_RATES = ["page.socket=1/m"]
    assert all(check_named("page.socket", "127.0.0.1", local=True).allowed for _ in range(100))
    assert not check_named("page.socket", "127.0.0.1", local=True).allowed
