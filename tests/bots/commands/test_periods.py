"""Periods in three languages: what they mean, what is none, and what was probably meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from bots.commands.periods import Period, last, read_period, split_period, suggest_period
from clawsite.core.errors import BadInput

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def read(text: str, zone: ZoneInfo = UTC_ZONE) -> Period | None:
    """Read a period as of NOW."""
    return read_period(text, now=NOW, zone=zone)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1h", HOUR),
        ("2 h", 2 * HOUR),
        ("90min", 1.5 * HOUR),
        ("30 minutes", HOUR / 2),
        ("last hour", HOUR),
        ("in the last 2 hours", 2 * HOUR),
        ("the past day", 24 * HOUR),
        ("last two weeks", 14 * 24 * HOUR),
        ("an hour", HOUR),
        ("última hora", HOUR),
        ("Ultima Hora", HOUR),
        ("últimas 2 horas", 2 * HOUR),
        ("nas últimas duas horas", 2 * HOUR),
        ("últimos 30 minutos", HOUR / 2),
        ("último dia", 24 * HOUR),
        ("3 dias", 72 * HOUR),
        ("últimas 24h", 24 * HOUR),
        ("за час", HOUR),
        ("за последний час", HOUR),
        ("за последние 2 часа", 2 * HOUR),
        ("за 30 минут", HOUR / 2),
        ("за сутки", 24 * HOUR),
        ("за неделю", 7 * 24 * HOUR),
        ("6ч", 6 * HOUR),
    ],
)
def test_a_period_is_read(text: str, span: timedelta) -> None:
    period = read(text)
    assert period is not None, text
    assert (period.end, period.end - period.start) == (NOW, span)


@pytest.mark.parametrize("text", ["", "hours ago", "2", "hora feliz", "two", "last", "fast hour", "1h 2h", "h2"])
def test_what_is_no_period(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize("text", ["0h", "32 days", "99999 weeks", "5 недель", "5511987654321 days", "9" * 40 + " h"])
def test_too_short_and_too_long_ones_have_a_sentence(text: str) -> None:
    with pytest.raises(BadInput, match="31 days"):
        read(text)


def test_days_begin_at_midnight_of_the_zone() -> None:
    today = read("hoje", ZoneInfo("America/Sao_Paulo"))
    yesterday = read("вчера", ZoneInfo("Asia/Tokyo"))
    assert today is not None
    assert yesterday is not None
    assert (today.start, today.end) == (datetime(2026, 3, 10, 3, tzinfo=UTC), NOW)
    tokyo = datetime(2026, 3, 9, 15, tzinfo=UTC)  # there it is half past midnight of the next day
    assert (yesterday.start, yesterday.end) == (tokyo, tokyo + timedelta(days=1))


def test_a_day_on_which_clocks_change_has_its_own_length() -> None:
    after = datetime(2026, 3, 30, 10, tzinfo=UTC)
    period = read_period("yesterday", now=after, zone=ZoneInfo("Europe/Berlin"))
    assert period is not None
    assert period.seconds == 23 * 3600


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("approval rate 6h", "approval rate", "6h"),
        ("Taxa de aprovação nas últimas 6 horas", "Taxa de aprovação", "6h"),
        ("taxa de aprovação", "taxa de aprovação", None),
        ("одобрения за сутки", "одобрения", "1d"),
        ("6h", "", "6h"),
        ("group d", "group d", None),
        ("tx today", "tx", "today"),
        ("", "", None),
        ("#12 1d", "#12", "1d"),
    ],
)
def test_a_period_is_taken_off_the_end(text: str, name: str, code: str | None) -> None:
    rest, period = split_period(text, now=NOW, zone=UTC_ZONE)
    assert (rest, period.code if period else None) == (name, code)


@pytest.mark.parametrize("code", ["1m", "2h", "3d", "2w", "today", "yesterday"])
def test_the_code_of_a_period_means_the_same_again(code: str) -> None:
    period = read(code)
    assert period is not None
    assert (period.code, read(period.code)) == (code, period)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2 horsa", "2 horas"),
        ("última hroa", "hora"),
        ("last 3 huors", "3 hours"),
        ("за чса", "час"),
        ("за минтуу", "минуту"),
        ("guardian", ""),
        ("", ""),
        ("the quick brown fox", ""),
    ],
)
def test_near_misses_get_a_suggestion(text: str, meant: str) -> None:
    assert suggest_period(text) == meant


def test_titles_say_what_was_asked() -> None:
    assert last(1, "hour", now=NOW).title == "last hour"
    assert last(2, "hour", now=NOW).title == "last 2 hours"
    with translation.override("ru"):
        assert last(5, "day", now=NOW).title


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    try:
        rest, _ = split_period(text, now=NOW, zone=UTC_ZONE)
    except BadInput:
        return
    assert len(rest) <= len(text)
    suggest_period(text)
