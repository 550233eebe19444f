"""What each command does and says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from bots.channels.base import Button, OutboundMessage
from bots.commands import status
from bots.commands.base import CommandContext
from clawsite.core.models import AuditEvent, Process, Secret
from guardrails.types import Role
from sessions_app import facts
from sessions_app.models import Fact, Inbox, Message, Outbox, Session, Turn
from sessions_app.prompts.compose import compose_prompt
from tests.bots.commands.conftest import Say
from tests.sessions_app.people import People, fill, talk


def buttons_of(answer: OutboundMessage) -> list[Button]:
    return [button for row in answer.buttons for button in row]


def open_turn(session: Session, *, state: str = Turn.State.RUNNING) -> Turn:
    number = Inbox.objects.count()
    inbox = Inbox.objects.create(channel=session.channel, external_id=f"row{number}", lane="x", raw="{}")
    return Turn.objects.create(inbox=inbox, session=session, state=state, epoch=session.epoch, user_seq=1)


def test_start_greets_and_offers_help(people: People, say: Say) -> None:
    answer = say(people.bob, people.bobs, "/start")[0]
    assert "Hello Bob" in answer.text
    assert answer.plain
    assert [button.data for button in buttons_of(answer)] == ["cmd:help", "cmd:settings"]


# --- /reset and /stop ------------------------------------------------------------------------------------------


def test_reset_begins_a_new_epoch_and_keeps_facts(people: People, say: Say) -> None:
    talk(people.bobs, "hello", "hi")
    facts.remember(people.bobs, "I like tea")
    answer = say(people.bob, people.bobs, "/reset")[0].text
    people.bobs.refresh_from_db()
    assert (people.bobs.epoch, people.bobs.start_seq) == (2, 2)
    assert "1 fact " in answer
    assert Message.objects.filter(session=people.bobs).count() == 2
    assert facts.list_facts(people.bobs).total == 1
    assert AuditEvent.objects.get(action="session.reset").actor == people.bob.subject


def test_reset_says_nothing_of_facts_when_there_are_none(people: People, say: Say) -> None:
    assert "fact" not in say(people.bob, people.bobs, "/reset")[0].text


def test_reset_touches_no_other_session(people: People, say: Say) -> None:
    say(people.bob, people.bobs, "/reset")
    assert set(Session.objects.exclude(pk=people.bobs.pk).values_list("epoch", flat=True)) == {1}


def test_stop_asks_every_open_turn_of_this_session_to_end(people: People, say: Say) -> None:
    running, parked = open_turn(people.bobs), open_turn(people.bobs, state=Turn.State.PARKED)
    done, alices = open_turn(people.bobs, state=Turn.State.DONE), open_turn(people.alices)
    assert say(people.bob, people.bobs, "stop")[0].text == "Stopping."
    cancelled = set(Turn.objects.filter(cancel_requested=True).values_list("pk", flat=True))
    assert cancelled == {running.pk, parked.pk}
    assert not {done.pk, alices.pk} & cancelled


def test_stop_with_nothing_to_stop_says_so(people: People, say: Say) -> None:
    assert "nothing to stop" in say(people.bob, people.bobs, "/stop")[0].text


# --- /memory and /forget ---------------------------------------------------------------------------------------


def test_memory_shows_what_is_remembered_here_with_numbers(people: People, say: Say) -> None:
    mine = facts.remember(people.bobs, "I like **tea** & <b>cake</b>")
    facts.remember(people.alices, "The safe opens at nine")
    answer = say(people.bob, people.bobs, "what do you remember?")[0]
    assert f"#{mine.pk}  I like **tea** & <b>cake</b>" in answer.text
    assert "I remember 1 fact here:" in answer.text
    assert "safe" not in answer.text
    assert answer.plain


def test_memory_is_paged_by_buttons_that_edit_the_message(people: People, say: Say) -> None:
    for place in range(20):
        facts.remember(people.bobs, f"thing number{place}")
    first = say(people.bob, people.bobs, "/memory")[0]
    assert "(page 1 of 3)" in first.text
    assert [button.data for button in buttons_of(first)] == ["cmd:memory 2"]
    assert first.edit_ids == ()
    second = say(people.bob, people.bobs, "/memory 2", pressed="55")[0]
    assert [button.data for button in buttons_of(second)] == ["cmd:memory 1", "cmd:memory 3"]
    assert second.edit_ids == ("55",)
    assert "page 3 of 3" in say(people.bob, people.bobs, "/memory 999999999999")[0].text
    assert "page 1 of 3" in say(people.bob, people.bobs, "/memory nonsense")[0].text


def test_an_empty_memory_is_said_to_be_empty(people: People, say: Say) -> None:
    assert "nothing" in say(people.bob, people.bobs, "/memory")[0].text


def test_forget_by_number_and_by_words(people: People, say: Say) -> None:
    one = facts.remember(people.bobs, "I like tea")
    facts.remember(people.bobs, "My old address is Elm Street")
    assert "I like tea" in say(people.bob, people.bobs, f"/forget {one.pk}")[0].text
    assert "Elm Street" in say(people.bob, people.bobs, "forget my old address")[0].text
    assert facts.list_facts(people.bobs).total == 0
    audited = AuditEvent.objects.filter(action="fact.forget")
    assert len(audited) == 2
    assert "tea" not in str([event.data for event in audited])


def test_forget_tells_what_it_cannot_do(people: People, say: Say) -> None:
    theirs = facts.remember(people.alices, "The safe opens at nine")
    assert "/forget 12" in say(people.bob, people.bobs, "/forget")[0].text
    assert "nothing like that" in say(people.bob, people.bobs, f"/forget {theirs.pk}")[0].text
    assert "nothing like that" in say(people.bob, people.bobs, "/forget the safe")[0].text
    for place in range(7):
        facts.remember(people.bobs, f"car number{place} is fast")
    assert "That fits 7 facts." in say(people.bob, people.bobs, "/forget car")[0].text
    assert Fact.objects.filter(state=Fact.State.ACTIVE).count() == 8


# --- /settings -------------------------------------------------------------------------------------------------


def test_settings_shows_all_and_offers_buttons(people: People, say: Say) -> None:
    answer = say(people.bob, people.bobs, "/settings")[0]
    assert "Language: automatic" in answer.text
    assert "Time zone: default (UTC)" in answer.text
    wanted = {f"cmd:settings {name}" for name in ("language", "time_zone", "model", "trigger", "memory")}
    assert {button.data for button in buttons_of(answer)} == wanted


@pytest.mark.parametrize("name", ["language", "time_zone", "model", "trigger", "memory"])
def test_every_button_of_a_setting_works(people: People, say: Say, name: str) -> None:
    choices = buttons_of(say(people.bob, people.bobs, f"/settings {name}")[0])
    assert len(choices) >= 3
    assert sum(button.label.startswith("✓") for button in choices) == 1
    for button in choices:
        assert len(button.data.encode()) <= 64
        answer = say(people.bob, people.bobs, "/" + button.data.removeprefix("cmd:"), pressed="9")[0]
        assert answer.edit_ids == ("9",)
        assert "do not know" not in answer.text


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("language ru", "language", "ru"),
        ("language PT_BR", "language", "pt-br"),
        ("language pt", "language", "pt-br"),
        ("language русский", "language", "ru"),
        ("language english", "language", "en"),
        ("язык ru", "language", "ru"),
        ("time_zone Europe/Lisbon", "time_zone", "Europe/Lisbon"),
        ("time zone europe/lisbon", "time_zone", "Europe/Lisbon"),
        ("tz Sao Paulo", "time_zone", "America/Sao_Paulo"),
        ("time-zone moscow", "time_zone", "Europe/Moscow"),
        ("tz São Paulo", "time_zone", "America/Sao_Paulo"),
        ("tz Нью-Йорк", "time_zone", "America/New_York"),
        ("tz Etc/GMT+3", "time_zone", "Etc/GMT+3"),
        ("trigger mention", "trigger", "mention"),
        ("memory truncate", "memory", "truncate"),
    ],
)
def test_values_are_read_as_people_write_them(people: People, say: Say, line: str, field: str, value: str) -> None:
    say(people.bob, people.bobs, f"/settings {line}")
    people.bobs.refresh_from_db()
    assert getattr(people.bobs, field) == value
    assert AuditEvent.objects.get(action="session.settings").data["value"] == value


@pytest.mark.parametrize("line", ["language auto", "time_zone auto", "model auto"])
def test_auto_takes_a_choice_back(people: People, say: Say, line: str) -> None:
    Session.objects.filter(pk=people.bobs.pk).update(language="ru", time_zone="Asia/Tokyo", model="x")
    people.bobs.refresh_from_db()
    say(people.bob, people.bobs, f"/settings {line}")
    people.bobs.refresh_from_db()
    assert getattr(people.bobs, line.split(maxsplit=1)[0]) == ""


@pytest.mark.parametrize(
    "line",
    [
        "language klingon", "language ../../etc", "time_zone Mars/Olympus", "time_zone ../../etc/passwd",
        "tz /etc/passwd", "tz GMT+3",
        "time_zone localtime", "model gpt-99", "model http://10.0.0.1/", "trigger sometimes", "memory forever",
        "epoch 5", "nonsense",
    ],
)  # fmt: skip
def test_odd_values_are_refused_in_words_and_change_nothing(people: People, say: Say, line: str) -> None:
    before = Session.objects.filter(pk=people.bobs.pk).values().get()
    answer = say(people.bob, people.bobs, f"/settings {line}")[0].text
    assert "not know" in answer or "no such setting" in answer
    assert Session.objects.filter(pk=people.bobs.pk).values().get() == before
    assert not AuditEvent.objects.exists()


def test_models_are_the_configured_ones_without_their_addresses(people: People, say: Say, settings: object) -> None:
    settings.CLAW_MODELS = ["alpha", "beta@http://10.0.0.1:8080", "g" * 90]  # type: ignore[attr-defined]
    answer = say(people.bob, people.bobs, "/settings model")[0]
    assert "10.0.0.1" not in str(answer)
    assert [button.label for button in buttons_of(answer)] == ["✓ automatic", "alpha", "beta", "Back"]
    say(people.bob, people.bobs, "/settings model beta")
    people.bobs.refresh_from_db()
    assert people.bobs.model == "beta"


# --- /context --------------------------------------------------------------------------------------------------


def test_context_shows_the_layers_of_the_last_prompt_and_what_was_trimmed(people: People, say: Say) -> None:
    fill(people.bobs, 60, tokens=400)
    composed = compose_prompt(
        people.bobs,
        user_text="What now?",
        user_seq=61,
        language="en",
        now=datetime(2026, 11, 20, tzinfo=UTC),
        window=200_000,
    )
    turn = open_turn(people.bobs)
    Turn.objects.filter(pk=turn.pk).update(
        report=composed.report, model="alpha", input_tokens=9000, cached_tokens=400, output_tokens=70
    )
    open_turn(people.bobs)
    text = say(people.bob, people.bobs, "/context")[0].text
    for layer in composed.report["layers"]:
        assert f": {layer['tokens']} / {layer['budget']}" in text
    assert "Trimmed: Conversation, 24240 → 8000 (its own budget)" in text
    assert "messages left out" in text
    assert "9000 tokens read (400 from the cache), 70 written, model alpha" in text


def test_context_tells_what_the_summary_saved(people: People, say: Say) -> None:
    composed = compose_prompt(
        people.bobs,
        user_text="What now?",
        user_seq=1,
        language="en",
        now=datetime(2026, 11, 20, tzinfo=UTC),
        window=200_000,
    )
    memory = composed.report["memory"] | {"summary_tokens": 500, "covered_tokens": 20_000}
    Turn.objects.filter(pk=open_turn(people.bobs).pk).update(report=composed.report | {"memory": memory})
    text = say(people.bob, people.bobs, "/context")[0].text
    assert "20000 tokens as a summary of 500 (98 % saved)" in text
    assert "Nothing was trimmed." in text


def test_context_before_any_prompt_says_so(people: People, say: Say) -> None:
    open_turn(people.alices)
    assert "not composed" in say(people.bob, people.bobs, "/context")[0].text


# --- /status ---------------------------------------------------------------------------------------------------


def test_status_shows_each_role_what_is_theirs(people: People, say: Say) -> None:
    Process.objects.create(role="bots", host="h", pid=1, started=1)
    Inbox.objects.create(channel=people.channel, external_id="1", lane="x", raw="{}", state=Inbox.State.DEAD)
    Outbox.objects.create(channel=people.channel, chat_id="x", dedupe_key="1", payload={})
    text = say(people.bob, people.bobs, "/status")[0].text
    assert "I am ready." in text
    assert "bots: 1 running" in text
    assert "to send: 1 (oldest" in text
    assert "given up in the last day: 1" in text
    people.charlie.state = people.charlie.State.APPROVED
    people.charlie.save()
    assert "bots:" not in say(people.charlie, people.bobs, "/status")[0].text


def test_status_names_a_model_only_when_one_can_be_called(people: People, say: Say, settings: Settings) -> None:
    settings.ANTHROPIC_API_KEY = settings.ANTHROPIC_BASE_URL = ""
    settings.CLAW_MODELS = ["claude-one", "own@http://127.0.0.1:1"]
    assert "Model: own" in say(people.bob, people.bobs, "/status")[0].text
    settings.CLAW_MODELS = ["claude-one"]
    text = say(people.bob, people.bobs, "/status")[0].text
    assert "No model is set up yet" in text
    assert "claude-one" not in text
    Secret.objects.create(name="ANTHROPIC_API_KEY", value="key")
    assert "Model: claude-one" in say(people.bob, people.bobs, "/status")[0].text


def test_status_says_when_it_is_at_work_here(people: People, say: Say) -> None:
    open_turn(people.bobs)
    assert "working on an answer" in say(people.bob, people.bobs, "/status")[0].text
    assert "I am ready." in say(people.alice, people.alices, "/status")[0].text


def test_parts_add_sections_and_a_broken_one_hides_no_other(
    people: People, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_sections", dict(status._sections))

    def broken(context: CommandContext) -> Sequence[str]:
        raise RuntimeError("postgres://user:password@host")

    status.register_section(broken, name="weather", order=5)
    status.register_section(lambda context: ["Backups: fine"], name="backups", role=Role.ADMIN)
    text = say(people.alice, people.alices, "/status")[0].text
    assert "weather: not available now (error " in text
    assert "password" not in text
    assert "I am ready." in text
    assert "Backups: fine" in text
    assert "Backups" not in say(people.bob, people.bobs, "/status")[0].text


@pytest.mark.parametrize("command", ["approve", "reject"])
def test_a_decision_without_its_code_shows_how_it_is_written(people: People, say: Say, command: str) -> None:
    assert say(people.bob, people.bobs, f"/{command}")[0].text.endswith(f"such as: /{command} k7f2pabcdefg")
