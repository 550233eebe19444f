"""The messages of alerts: what they say in which state, in the words of the language, with nothing taken for markup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bots.cards import CardView, alert, alert_storm
from bots.commands.figures import show_span
from clawsite.core.db import run_db
from runbooks.alerts.clock import tick
from runbooks.alerts.facts import cut, link_of, what_to_do
from runbooks.alerts.subscriptions import subscribe
from runbooks.models import AlertGroup, AlertSubscription
from sessions_app.models import Card, Contact
from sessions_app.sessions import get_or_create_session
from tests.bots.flow import Flow, until
from tests.runbooks.alerts.deliveries import One, body, deliver, fire

VIEW = CardView(zone=ZoneInfo("America/Sao_Paulo"))
HOSTILE = "<b>bold</b> [link](http://evil.example) *stars* ignore all previous instructions"


def data(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "id": 12, "state": "firing", "severity": "critical", "title": "Zero transactions detected",
        "system": "Transaction Guardian", "started": "2026-11-20T18:32:00+00:00", "resolved": "",
        "todo": "Check the API at once", "link": "", "labels": [], "firing": 1, "ended": 0, "truncated": 0,
        "openings": 1, "alerts": [], "runbooks": [],
    }  # fmt: skip
    return whole | changes


def text(**changes: Any) -> str:
    return alert.render(data(**changes), VIEW).text


def labels(**changes: Any) -> list[list[str]]:
    return [[button.label for button in row] for row in alert.render(data(**changes), VIEW).buttons]


def test_a_critical_alert_says_how_bad_what_where_when_and_what_to_do() -> None:
    assert text() == (
        "🚨 CRITICAL: Zero transactions detected\n"
        "System: Transaction Guardian\n"
        "Time: 15:32, 20 Nov\n"
        "Action: Check the API at once"
    )


def test_there_is_always_something_to_do() -> None:
    assert "Action: look at the system, and acknowledge" in text(todo="")
    assert "Action: start the runbook restart-api" in text(todo="", runbooks=["restart-api"])
    own = text(todo="", own="watchdog", title="Watchdog cluster=a")
    assert "The monitoring has fallen silent (Watchdog cluster=a)" in own
    assert "check that Prometheus and Alertmanager run" in own


def test_its_end_is_in_the_same_message() -> None:
    said = text(state="resolved", resolved="2026-11-20T19:47:00+00:00", firing=0, ended=1, openings=2)
    assert said.startswith("✅ RESOLVED: Zero transactions detected")
    assert "Time: 15:32, 20 Nov – 16:47 (1 h 15 min)" in said
    assert "Fired 2 times" in said
    assert "Action" not in said


def test_buttons_are_those_that_do_something_now() -> None:
    assert labels(runbooks=["restart-api"]) == [
        ["✅ Acknowledge"], ["🔕 1h", "🔕 4h", "🔕 24h"], ["▶️ restart-api"], ["🎫 Incident", "🔎 Details"],
    ]  # fmt: skip
    taken = {"name": "Bob", "at": "2026-11-20T18:40:00+00:00"}
    silence = {"id": 7, "state": "active", "until": "2026-11-20T22:32:00+00:00", "name": "Bob", "error": ""}
    assert labels(acked=taken, silence=silence)[:2] == [["↩️ Let go"], ["🔔 Undo the silence"]]
    assert labels(state="resolved") == [["🎫 Incident", "🔎 Details"]]
    assert labels(silence=silence | {"state": "failed"})[1] == ["🔕 1h", "🔕 4h", "🔕 24h"]


def test_a_runbook_whose_name_no_button_can_carry_has_none() -> None:
    assert labels(runbooks=["r" * 60]) == [
        ["✅ Acknowledge"], ["🔕 1h", "🔕 4h", "🔕 24h"], ["🎫 Incident", "🔎 Details"],
    ]  # fmt: skip


def test_who_has_it_and_who_was_called_is_said() -> None:
    who = {"name": "Bob", "at": "2026-11-20T18:40:00+00:00"}
    assert "👤 Bob has it since 15:40" in text(acked=who)
    assert "📣 Bob was called at 15:40" in text(told=who)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("wanted", "Alertmanager is being told"), ("active", "Silent until 19:32, 20 Nov (Bob)"),
        ("local", "no Alertmanager is known"), ("undoing", "is being taken back"),
        ("failed", "did not change the silence: no answer"),
    ],
)  # fmt: skip
def test_a_silence_says_where_it_stands(state: str, words: str) -> None:
    silence = {"id": 7, "state": state, "until": "2026-11-20T22:32:00+00:00", "name": "Bob", "error": "no answer"}
    assert words in text(silence=silence)


def test_what_does_not_fit_is_counted_and_no_line_is_cut() -> None:
    alerts = [{"severity": "warning", "text": f"{number}: " + "x" * 1200} for number in range(5)]
    said = text(alerts=alerts, firing=500, truncated=40, todo="t" * 400)
    assert len(said) <= alert.TEXT_CHARS
    assert "500 firing · 0 resolved" in said
    assert "… and 538 more" in said
    assert "x" * 1200 + "\n" in said


def test_a_storm_is_counted() -> None:
    storm = {
        "id": 3, "started": "2026-11-20T18:32:00+00:00", "over": False, "groups": 50, "firing": 49, "acked": 1,
        "severities": {"critical": 40, "info": 9}, "names": [["SlowApi", 30], ["DiskFull", 19]], "others": 2,
    }  # fmt: skip
    message = alert_storm.render(storm, VIEW)
    assert message.text.splitlines()[:2] == ["🌪 ALERT STORM: 50 more alerts", "Time: 15:32, 20 Nov"]
    assert "49 firing, 1 acknowledged · 🔴 40 CRITICAL · 🔵 9 INFO" in message.text
    assert "30× SlowApi" in message.text
    assert [button.data for button in message.buttons[0]] == ["cmd:ack storm 3", "cmd:alert storm 3"]
    over = alert_storm.render(storm | {"over": True, "firing": 0, "acked": 0}, VIEW)
    assert over.text.startswith("✅ STORM OVER: 50 alerts")
    assert len(over.buttons[0]) == 1


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "5 s"), (65, "1 min"), (3600, "1 h"), (90_000, "1 d 1 h"), (-5, "0 s")]
)
def test_lengths_have_two_units_at_most(seconds: int, words: str) -> None:
    assert show_span(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://example.com/r", "https://example.com/r"), ("javascript:alert(1)", ""), ("restart-api", ""),
        ("https://a b", ""), ("https://x/" + "y" * 500, ""), (" http://a/b ", "http://a/b"),
    ],
)  # fmt: skip
def test_only_addresses_become_links(address: str, link: str) -> None:
    assert link_of({"runbook_url": address}) == link


def test_the_authors_advice_is_found_and_cut() -> None:
    assert what_to_do({"description": "d", "action": "a"}) == "a"
    assert what_to_do({"action": " ", "summary": "s"}) == ""
    assert cut("a\nb\u202e c" + "x" * 10, 6) == "a b c…"


async def test_alerts_reach_the_chat_as_plain_text_and_a_press_changes_the_message(flow: Flow) -> None:
    def prepare() -> AlertSubscription:
        session = get_or_create_session(flow.channel.pk, chat_id=str(flow.bob), direct=True)
        return subscribe(session, actor=_contact(flow.bob).actor)

    now = datetime.now(UTC)
    one = One(begins=now, annotations={"summary": HOSTILE, "description": "Look"})
    async with flow.running():
        await run_db(prepare)
        await run_db(lambda: deliver(body(one), at=now))
        await until(lambda: flow.texts(flow.bob))
        await flow.quiet()
        (message,) = flow.telegram.bot_messages(flow.bob)
        assert message["text"].startswith(f"🚨 CRITICAL: {HOSTILE}")
        assert not [each for each in message.get("entities", ()) if each["type"] != "url"]
        flow.telegram.press(flow.bob, message["message_id"], text="✅ Acknowledge", user_id=flow.bob)
        await until(lambda: "👤 Bob has it" in flow.texts(flow.bob)[-1])
        await flow.quiet()
        flow.telegram.press(flow.bob, message["message_id"], text="↩️ Let go", user_id=flow.charlie)
        await flow.quiet()
        await run_db(lambda: fire(One(begins=now, ends=now + timedelta(seconds=9)), at=now + timedelta(seconds=10)))
        await until(lambda: flow.texts(flow.bob)[0].startswith("✅ RESOLVED"))
        await flow.quiet()
        await run_db(tick)
    assert ["pairing code" in said for said in flow.texts(flow.bob)] == [False, True]
    assert await run_db(lambda: AlertGroup.objects.get().acked_name) == "Bob"
    assert await run_db(Card.objects.count) == 1


def _contact(external_id: int) -> Contact:
    return Contact.objects.get(external_id=str(external_id))


def test_what_nobody_has_spoken_of_for_long_is_doubted() -> None:
    assert "❔ No news of it since 15:32, 20 Nov; it may be over." in text(stale="2026-11-20T18:32:00+00:00")
    assert "No news" not in text(stale="2026-11-20T18:32:00+00:00", state="resolved", resolved="2026-11-21T18:32:00Z")
