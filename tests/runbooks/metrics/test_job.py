"""The job of a metric: one question, one card with numbers and a picture, the same when it runs twice."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.utils import translation

from bots.cards import CardView, render_card
from clawsite.core.errors import BadInput, NotAllowed
from runbooks.charts.files import FOLDER
from runbooks.jobs import cancel_job, create_job
from runbooks.metrics import NAME, ask_metric, card_key
from runbooks.metrics.course import step_for
from runbooks.models import Anomaly, Job, MonitoredSystem, NamedQuery
from sessions_app.models import Card, Session
from tests.runbooks.anomalies.conftest import courses, query, system
from tests.runbooks.people import BOB, CHARLIE, VIEWER
from tests.runbooks.running import run
from tests.servers.courses import CourseServer
from tests.sessions_app.people import make_people
from tests.switching import switched_off

__all__ = ["courses", "query", "system"]

# A job's watch reads its row in another thread: it must be there.
pytestmark = pytest.mark.django_db(transaction=True)

END = datetime(2026, 1, 20, 16, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def session(db: None) -> Session:
    """Where it is asked."""
    return make_people().bobs


def ask(query: NamedQuery, session: Session, hours: int = 6) -> Job:
    """Ask for the last hours."""
    return ask_metric(
        query, start=END - hours * HOUR, end=END, zone="America/Sao_Paulo", actor=BOB, session_id=session.pk
    )


def told(job: Job) -> dict[str, Any]:
    """Run a job and return what it found out."""
    result = run(job).result
    assert isinstance(result, dict)
    return result


def step(at: float) -> float:
    """100 until the period begins, then 150, at last 120."""
    if at < (END - 6 * HOUR).timestamp():
        return 100.0
    return 120.0 if at >= END.timestamp() else 150.0


def test_it_shows_value_change_and_a_picture(courses: CourseServer, query: NamedQuery, session: Session) -> None:
    courses.put("tx", step, job="tx", instance="a")

    job = run(ask(query, session))

    assert job.state == Job.State.SUCCEEDED, job.error
    card = Card.objects.get(key=card_key(job.key))
    assert (card.kind, card.session_id, card.data) == (NAME, session.pk, job.result)
    (one,) = card.data["series"]
    assert (one["name"], one["value"], one["before"], one["low"], one["high"]) == ("", 120, 100, 120, 150)
    assert one["mean"] == pytest.approx(150, abs=1)
    assert (settings.CLAW_HOME / card.data["file"]).read_bytes().startswith(b"\x89PNG")
    assert len(courses.asked) == 1


def test_without_the_feature_the_numbers_come_alone(courses: CourseServer, query: NamedQuery, session: Session) -> None:
    courses.put("tx", step, job="tx", instance="a")
    with switched_off("charts"):
        data = told(ask(query, session))
    assert (data["file"], data["series"][0]["value"]) == ("", 120)


def test_a_last_value_of_long_ago_says_of_when(courses: CourseServer, query: NamedQuery, session: Session) -> None:
    stopped = (END - 2 * HOUR).timestamp()
    courses.put("tx", lambda at: 5.0 if at < stopped else None, merchant="silent")
    courses.put("tx", lambda at: 7.0, merchant="alive")
    data = told(ask(query, session))
    ages = {each["name"]: each["at"] for each in data["series"]}
    assert ages == {"silent": "2026-01-20T13:58:00+00:00", "alive": ""}
    lines = render_card("metrics", data, CardView(zone=ZoneInfo("UTC"))).text.splitlines()
    assert lines[-1] == "2. silent: 5 /min ＝ ⚠️ As of: 13:58"
    alone = data | {"series": [each for each in data["series"] if each["at"]]}
    assert "├── ⚠️ As of: 13:58" in render_card("metrics", alone, CardView(zone=ZoneInfo("UTC"))).text.splitlines()


def test_run_twice_it_is_one_card(courses: CourseServer, query: NamedQuery, session: Session) -> None:
    courses.put("tx", step)
    job = run(ask(query, session))
    before = Card.objects.get()
    Job.objects.filter(pk=job.pk).update(state=Job.State.QUEUED, ended_at=None, attempts=0)

    run(job)

    assert Card.objects.get().version == before.version


def test_several_series_are_told_by_what_differs(courses: CourseServer, query: NamedQuery, session: Session) -> None:
    for number in range(7):
        courses.put("tx", lambda at, n=number: float(n), job="tx", merchant=f"m{number}")  # type: ignore[misc]
    courses.put("tx", lambda at: math.nan, job="tx", merchant="silent")

    data = told(ask(query, session))

    assert [each["name"] for each in data["series"]] == ["m6", "m5", "m4", "m3", "m2"]
    assert data["more"] == 2


def test_long_labels_do_not_make_a_card_too_large(courses: CourseServer, query: NamedQuery, session: Session) -> None:
    for number in range(5):
        courses.put("tx", lambda at: 1.0, merchant=f"{number}\n✅ fine" + "я" * 40_000)

    names = [each["name"] for each in told(ask(query, session))["series"]]
    assert [len(name) for name in names] == [80] * 5
    assert all(name[1:].startswith(" ✅ fineя") for name in names)


def test_values_beyond_all_measure_are_left_out(courses: CourseServer, query: NamedQuery, session: Session) -> None:
    courses.put("tx", lambda at: (5.0, 1.7e308, -1.7e308)[int(at // 120) % 3])
    (one,) = told(ask(query, session))["series"]
    assert (one["low"], one["high"]) == (5.0, 5.0)


def test_no_data_and_no_answer_are_told_on_the_card(courses: CourseServer, query: NamedQuery, session: Session) -> None:
    courses.put("tx", lambda at: None)
    assert told(ask(query, session))["series"] == []
    query.promql = "sum("
    query.save()

    job = run(ask(query, session))
    assert job.state == Job.State.SUCCEEDED
    assert "parse error" in Card.objects.get(key=card_key(job.key)).data["error"]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Prometheus does not take this expression: parse error"),
        ("pt-br", "O Prometheus não aceita esta expressão: parse error"),
        ("ru", "Prometheus не принимает это выражение: parse error"),
    ],
)
def test_what_is_wrong_is_told_in_the_language_it_was_asked_in(
    courses: CourseServer, query: NamedQuery, session: Session, language: str, words: str
) -> None:
    query.promql = "sum("
    query.save()
    with translation.override(language):
        job = ask(query, session)
    run(job)
    assert words in Card.objects.get(key=card_key(job.key)).data["error"]


def test_anomalies_of_the_time_do_not_stop_it(courses: CourseServer, query: NamedQuery, session: Session) -> None:
    courses.put("tx", step)
    Anomaly.objects.create(
        system=query.system, query="tx_per_minute", title="tx", series="s", kind="drop",
        started_at=END - HOUR, seen_at=END,
    )  # fmt: skip
    assert told(ask(query, session))["file"]


def test_a_query_that_is_gone_fails_with_a_sentence(courses: CourseServer, query: NamedQuery, session: Session) -> None:
    job = ask(query, session)
    MonitoredSystem.objects.update(enabled=False)
    assert run(job).error == "There is no such metric any more."


def test_who_may_ask(query: NamedQuery) -> None:
    params = {"query": query.pk, "start": 0.0, "end": 3600.0}
    assert create_job(NAME, params=params, actor=VIEWER).state == Job.State.CREATED
    with pytest.raises(NotAllowed):
        create_job(NAME, params=params, actor=CHARLIE)
    with pytest.raises(BadInput):
        create_job(NAME, params=params | {"promql": "up"}, actor=BOB)


def test_a_period_has_a_bearable_number_of_points() -> None:
    for seconds in (60, 3600, 6 * 3600, 86_400, 7 * 86_400, 31 * 86_400):
        assert seconds / step_for(seconds) <= 300


def ended(job: Job) -> dict[str, Any]:
    """Return what the chat is shown of a job."""
    return dict(Card.objects.get(key=card_key(job.key)).data)


def test_a_job_that_fails_tells_its_chat_with_the_id_of_the_error(
    courses: CourseServer, query: NamedQuery, session: Session
) -> None:
    courses.put("tx", step)
    job = ask(query, session)
    folder = settings.MEDIA_ROOT / FOLDER
    folder.parent.mkdir(parents=True, exist_ok=True)
    kept = folder.rename(folder.with_name("charts-kept")) if folder.exists() else None
    folder.write_text("no folder")
    try:
        job = run(job)
    finally:
        folder.unlink()
        if kept is not None:
            kept.rename(folder)
    assert job.state == Job.State.FAILED
    assert re.fullmatch(r"internal error [0-9a-f]{8}", job.error)
    assert (ended(job)["failed"], ended(job)["error"], ended(job)["title"]) == ("failed", job.error, str(query))
    said = render_card(NAME, ended(job), CardView(zone=ZoneInfo("UTC"))).text
    assert f"⚠️ That did not work: {job.error}." in said


def test_a_metric_that_is_gone_or_cancelled_is_told(query: NamedQuery, session: Session) -> None:
    gone, cancelled = ask(query, session), ask(query, session)
    cancel_job(cancelled.key, actor=BOB)
    assert ended(cancelled)["failed"] == "cancelled"
    assert render_card(NAME, ended(cancelled), CardView(zone=ZoneInfo("UTC"))).text.endswith("⚠️ It was cancelled.")
    query.delete()
    run(gone)
    assert ended(gone)["error"] == "There is no such metric any more."
