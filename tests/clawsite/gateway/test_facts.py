"""facts.*: what is remembered, for whose session it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clawsite.core.db import close_pool, run_db
from clawsite.core.models import AuditEvent
from sessions_app.models import Fact
from tests.clawsite.gateway.calling import ALICE, BOB, CHARLIE, call
from tests.clawsite.gateway.rows import BOBS_KEY, add_chat, add_session, key_of
from tests.clawsite.gateway.seat import Refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Let the database thread go."""
    yield
    close_pool()


async def test_bob_adds_lists_and_forgets() -> None:
    await run_db(add_session)
    added = (await call("facts.add", BOB, sessionKey=BOBS_KEY, text="The backups run at night."))["fact"]
    again = (await call("facts.add", BOB, sessionKey=BOBS_KEY, text="the backups run at night"))["fact"]
    listed = await call("facts.list", BOB, sessionKey=BOBS_KEY)

    assert added["id"] == again["id"]
    assert (listed["total"], listed["page"], listed["facts"][0]["text"]) == (1, 1, "The backups run at night.")
    assert listed["facts"][0]["origin"] == "command"
    assert [fact["id"] for fact in (await call("facts.forget", BOB, sessionKey=BOBS_KEY, id=added["id"]))["forgotten"]]
    assert (await call("facts.list", BOB, sessionKey=BOBS_KEY))["facts"] == []
    assert await call("facts.forget", BOB, sessionKey=BOBS_KEY, query="backups") == {"forgotten": []}
    actions = await run_db(lambda: list(AuditEvent.objects.order_by("pk").values_list("action", "actor")))
    assert actions == [("fact.add", BOB.owner), ("fact.add", BOB.owner), ("fact.forget", BOB.owner)]


async def test_what_is_not_bobs_gets_the_answer_of_what_is_not_there() -> None:
    chat = await run_db(add_chat)
    added = (await call("facts.add", ALICE, sessionKey=key_of(chat), text="The code of the door is green."))["fact"]

    for name, more in (("facts.list", {}), ("facts.add", {"text": "Mine."}), ("facts.forget", {"id": added["id"]})):
        answers = []
        for key in (key_of(chat), key_of(chat).replace("4711", "4712")):
            with pytest.raises(Refused) as refused:
                await call(name, BOB, sessionKey=key, **more)
            answers.append((refused.value.code, refused.value.message.replace("4712", "4711")))
        assert answers[0] == answers[1]
        assert answers[0][0] == "FORBIDDEN"
        with pytest.raises(Refused, match="missing scope"):
            await call(name, CHARLIE, sessionKey=key_of(chat), **more)
    assert await run_db(Fact.objects.filter(state="active").count) == 1


async def test_a_fact_of_another_session_cannot_be_forgotten_by_its_number() -> None:
    await run_db(add_session)
    chat = await run_db(add_chat)
    added = (await call("facts.add", ALICE, sessionKey=key_of(chat), text="The code of the door is green."))["fact"]

    assert await call("facts.forget", BOB, sessionKey=BOBS_KEY, id=added["id"]) == {"forgotten": []}
    assert await run_db(Fact.objects.filter(state="active").count) == 1


@pytest.mark.parametrize("more", [{}, {"id": 1, "query": "both"}])
async def test_forgetting_needs_either_a_number_or_words(more: dict[str, object]) -> None:
    await run_db(add_session)
    with pytest.raises(Refused, match="either id or query"):
        await call("facts.forget", BOB, sessionKey=BOBS_KEY, **more)


async def test_secrets_are_not_remembered() -> None:
    await run_db(add_session)
    with pytest.raises(Refused, match="secrets"):
        await call("facts.add", BOB, sessionKey=BOBS_KEY, text="The key is sk-ant-api03-" + "Ab1" * 20)
