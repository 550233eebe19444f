"""Rows that come back: after a process was stopped or died, what was begun is finished, once."""

from __future__ import annotations

from bots.commands.stop import request_stop
from clawsite.core.db import run_db
from guardrails import approvals
from guardrails.models import Approval
from sessions_app.models import Contact, Fact, Inbox, Session, Turn
from tests.bots.flow import Flow, open_flow, until, until_db
from tests.bots.test_flow_tools import ask_to_forget
from tests.servers.messages.scripts import text


async def test_a_row_that_comes_back_is_not_refused_for_being_too_many(transactional_db: None) -> None:
    async with open_flow(CLAW_USER_RATE=1, CLAW_DRAIN_SECONDS=1) as flow:
        flow.model.script(text("Words that never come to an end. " * 40, deltas=40, pause=0.5))
        flow.model.set_default("The whole answer.")
        async with flow.running():
            flow.telegram.user_sends(flow.alice, "go")
            await until(flow.model.requests)
        async with flow.running():
            await until_db(lambda: Turn.objects.get().state == "done")
            await flow.quiet()
    assert "The whole answer." in flow.texts(flow.alice)


async def test_a_decided_turn_goes_on_after_its_process_died(flow: Flow) -> None:
    async with flow.running():
        await ask_to_forget(flow)
    await run_db(_decide_and_die, str(flow.alice))
    async with flow.running():
        await until(lambda: "Forgotten." in flow.texts(flow.alice))
        await flow.quiet()
    assert await run_db(lambda: Fact.objects.get().state) == "forgotten"
    assert await run_db(lambda: set(Turn.objects.values_list("state", flat=True))) == {"done"}
    assert await run_db(lambda: set(Inbox.objects.values_list("state", flat=True))) == {"done"}


def _decide_and_die(alice: str) -> None:
    """Approve, and leave behind what a process leaves that began to go on and was killed."""
    actor = Contact.objects.get(external_id=alice).actor
    assert approvals.decide(Approval.objects.get().key, actor=actor, approve=True).outcome == "approved"
    Turn.objects.filter(state="parked").update(state="running", attempt=2)
    Inbox.objects.filter(external_id__startswith="approval:").update(attempts=1)


async def test_what_a_process_spent_that_died_counts(flow: Flow) -> None:
    async with flow.running():
        await ask_to_forget(flow)
    pk, state = await run_db(lambda: Turn.objects.values_list("pk", "agent_state").get(state="parked"))
    spent = state["usage"]
    # As before each call of a tool with an effect: the state is kept, and the end that counts it has yet to come.
    await run_db(lambda: Turn.objects.filter(pk=pk).update(input_tokens=0, output_tokens=0, cost_usd=0))
    await run_db(_decide_and_die, str(flow.alice))
    async with flow.running():
        await until(lambda: "Forgotten." in flow.texts(flow.alice))
        await flow.quiet()
    turn = await run_db(lambda: Turn.objects.get(pk=pk))
    assert turn.input_tokens > spent[0] > 0
    assert turn.output_tokens > spent[1] > 0
    assert turn.cost_usd > spent[3] > 0


async def test_what_a_stopped_attempt_cost_counts(transactional_db: None) -> None:
    async with open_flow(CLAW_DRAIN_SECONDS=1) as flow:
        flow.model.script(text("Words that never come to an end. " * 40, deltas=40, pause=0.2))
        async with flow.running():
            flow.telegram.user_sends(flow.alice, "go")
            await until_db(lambda: Turn.objects.exclude(preview_ids=[]).exists())
        turn = await run_db(Turn.objects.get)
    assert (turn.state, turn.attempt) == ("running", 1)
    assert turn.output_tokens > 0
    assert turn.cost_usd > 0


async def test_a_second_attempt_goes_on_in_the_message_that_is_shown(transactional_db: None) -> None:
    async with open_flow(CLAW_DRAIN_SECONDS=1) as flow:
        flow.model.script(text("Words that never come to an end. " * 40, deltas=40, pause=0.2))
        flow.model.script(text("Other words, and these do end. " * 12, deltas=20, pause=0.2))
        async with flow.running():
            flow.telegram.user_sends(flow.alice, "go")
            await until_db(lambda: Turn.objects.filter(session__isnull=False).exclude(preview_ids=[]).exists())
        async with flow.running():
            await until_db(lambda: Turn.objects.get().state == "done", timeout=30)
            await flow.quiet()
    (shown,) = flow.texts(flow.alice)
    assert shown == ("Other words, and these do end. " * 12).strip()


async def test_a_turn_that_was_stopped_while_no_process_had_it_asks_no_model(transactional_db: None) -> None:
    async with open_flow(CLAW_DRAIN_SECONDS=1) as flow:
        flow.model.script(text("Words that never come to an end. " * 40, deltas=40, pause=0.2))
        async with flow.running():
            flow.telegram.user_sends(flow.alice, "go")
            await until_db(lambda: Turn.objects.exclude(preview_ids=[]).exists())
        session = await run_db(Session.objects.get)
        assert await run_db(lambda: request_stop(session, actor="user:1")) == 1
        async with flow.running():
            await flow.quiet()
    assert await run_db(lambda: Turn.objects.get().state) == "cancelled"
    assert flow.texts(flow.alice) == ["Stopped."]
    assert len(flow.asked()) == 1


async def test_a_turn_of_somebody_blocked_since_does_not_stay_open(transactional_db: None) -> None:
    async with open_flow(CLAW_DRAIN_SECONDS=1) as flow:
        flow.model.script(text("Words that never come to an end. " * 40, deltas=40, pause=0.5))
        async with flow.running():
            flow.telegram.user_sends(flow.alice, "go")
            await until(flow.model.requests)
        await run_db(lambda: Contact.objects.filter(name="Alice").update(state="blocked"))
        async with flow.running():
            await flow.quiet()
    assert await run_db(lambda: Turn.objects.get().state) == "cancelled"
    assert len(flow.model.requests()) == 1
