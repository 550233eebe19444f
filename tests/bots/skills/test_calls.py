"""Calling a skill's tool: what its code can reach, what it may ask for, and as whom that is done."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from bots.agent.types import Tool, ToolContext
from bots.skills.offer import offer_skills
from bots.skills.reading import READ_SKILL
from bots.skills.sandboxed import LIMITS, run_function
from bots.skills.switching import disable_skill
from clawsite.core.db import close_pool
from clawsite.core.errors import ClawError, NotAllowed
from clawsite.core.models import AuditEvent
from guardrails.limits import reset_limits
from guardrails.processes import Bounds
from guardrails.sandbox import has_sandbox
from guardrails.tools import decide_call
from guardrails.types import Action
from sessions_app.models import Contact, Session
from tests.bots.skills.making import ALICE, FRONT, switched_on, write
from tests.programs import need_program
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db(transaction=True)

TOOLS = """
import json, os, socket
TOOLS = [
    {"name": "add", "description": "x", "effect": "read", "parameters": {"type": "object", "properties":
        {"a": {"type": "integer"}}}},
    {"name": "reach", "description": "x", "effect": "read"},
    {"name": "both", "description": "x", "effect": "read", "commands": ["help"], "tools": ["time"]},
    {"name": "crash", "description": "x", "effect": "read"},
    {"name": "endless", "description": "x", "effect": "read", "commands": ["help"]},
    {"name": "say", "description": "x", "effect": "write", "command": "help {topic}",
     "parameters": {"type": "object", "properties": {"topic": {"type": "string"}}}},
]

def add(arguments):
    print("noise")
    return {"sum": arguments["a"] + 1}

def reach(arguments):
    found = {"env": sorted(name for name in os.environ if "CLAW" in name or "SECRET" in name)}
    try:
        socket.create_connection(("127.0.0.1", PORT), timeout=2)
    except OSError as error:
        found["net"] = error.errno
    for path in (HOME, "/etc/passwd", "/root/.ssh"):
        found[path] = os.path.exists(path)
    try:
        open(__file__, "w")
    except OSError as error:
        found["write"] = error.errno
    return found

def both(arguments):
    text = yield {"command": "help", "words": "status"}
    clock = yield {"tool": "time", "arguments": {"zone": "UTC"}}
    return text + "|" + clock

def crash(arguments):
    raise ValueError("no tea left")

def endless(arguments):
    while True:
        yield {"command": "help"}
"""


@pytest.fixture
def sandbox() -> None:
    """Bubblewrap, in which the code of skills runs."""
    need_program("bwrap")


sandboxed = pytest.mark.usefixtures("sandbox")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Count from nothing, and leave no thread behind."""
    reset_limits()
    yield
    close_pool()


def context_of(contact: Contact, session: Session) -> ToolContext:
    return ToolContext(session_id=session.pk, turn_id=1, session_ref=session.ref, actor=contact.actor)


def prepare(tmp_path: Path, session: Session, tools: str = TOOLS, **more: Any) -> None:
    front = FRONT + "allowed-tools: time\n"
    home = repr(str(tmp_path))
    switched_on(write(tmp_path / "tea", front=front, tools=tools.replace("HOME", home), **more), session)


def find(name: str, contact: Contact, session: Session) -> Tool:
    tool = offer_skills(session, contact.actor).tools.find(f"tea__{name}")
    assert tool is not None
    return tool


def call(name: str, contact: Contact, session: Session, **arguments: Any) -> str:
    tool = find(name, contact, session)
    return async_to_sync(tool.run)(context_of(contact, session), arguments).text


@sandboxed
def test_code_takes_arguments_and_gives_text(people: People, tmp_path: Path) -> None:
    prepare(tmp_path, people.bobs)
    assert call("add", people.bob, people.bobs, a=4) == '{"sum": 5}'
    with pytest.raises(ClawError, match="The skill's tool failed: ValueError: no tea left"):
        call("crash", people.bob, people.bobs)


@sandboxed
def test_code_that_uses_too_much_is_ended_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tools.py").write_text("def spin(arguments):\n    while True: pass\n", encoding="ascii")
    monkeypatch.setattr("bots.skills.sandboxed.LIMITS", replace(LIMITS, bounds=Bounds(memory_bytes=1024)))
    with pytest.raises(ClawError, match=r"The skill's tool used too much and was ended: memory\."):
        run_function(tmp_path, "spin", {}, [])


@sandboxed
def test_code_reaches_no_network_no_file_no_secret(people: People, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as open_here:
        prepare(tmp_path, people.bobs, TOOLS.replace("PORT", str(open_here.getsockname()[1])))
        found = call("reach", people.bob, people.bobs)
    assert '"env": []' in found
    assert '"net": 111' in found
    assert f'"{tmp_path}": false' in found
    assert '"/etc/passwd": false, "/root/.ssh": false' in found
    assert '"write": 30' in found


@sandboxed
def test_code_gets_what_it_declared_done_for_it(people: People, tmp_path: Path) -> None:
    prepare(tmp_path, people.bobs)
    text, _, clock = call("both", people.bob, people.bobs).partition("|")
    assert text.startswith("/status - ")
    assert "UTC" in clock


UNDECLARED = (
    '{"command": "status"}',
    '{"command": "reset"}',
    '{"tool": "time", "arguments": {}}',
    '{"tool": "tea__say", "arguments": {}}',
    '{"tool": "forget", "arguments": {"what": "x"}}',
)
NONSENSE = ("5", '{"x": object()}', "[{}]", "None")


def asking_for(*asked: str) -> str:
    """Return a tools.py with a tool for each thing that is asked for: sneak0, sneak1, ..."""
    names = [f"sneak{number}" for number in range(len(asked))]
    declared = [{"name": name, "description": "x", "effect": "read", "commands": ["help"]} for name in names]
    code = [f"def {name}(arguments):\n    yield {what}\n" for name, what in zip(names, asked, strict=True)]
    return "\n".join([f"TOOLS = {declared!r}", *code])


@sandboxed
def test_code_that_asks_for_more_than_it_declared_gets_nothing(people: People, tmp_path: Path) -> None:
    prepare(tmp_path, people.bobs, asking_for(*UNDECLARED))
    for number in range(len(UNDECLARED)):
        with pytest.raises(NotAllowed, match="asked for something that it did not declare"):
            call(f"sneak{number}", people.bob, people.bobs)
    assert AuditEvent.objects.filter(action="skill.refused").count() == len(UNDECLARED)


@sandboxed
def test_nonsense_is_answered_with_a_sentence(people: People, tmp_path: Path) -> None:
    prepare(tmp_path, people.bobs, asking_for(*NONSENSE))
    for number in range(len(NONSENSE)):
        with pytest.raises(ClawError, match=r"The skill's tool"):
            call(f"sneak{number}", people.bob, people.bobs)


@sandboxed
def test_code_cannot_ask_for_ever(people: People, tmp_path: Path) -> None:
    prepare(tmp_path, people.bobs)
    with pytest.raises(ClawError, match="more than 8 things"):
        call("endless", people.bob, people.bobs)


def test_a_command_is_run_as_the_person_with_the_words_on_one_line(people: People, tmp_path: Path) -> None:
    prepare(tmp_path, people.bobs)
    assert call("say", people.bob, people.bobs, topic="status\n").startswith("/status - ")
    assert "I do not know this command" in call("say", people.bob, people.bobs, topic="nonsense")


def test_who_lost_their_right_meanwhile_gets_nothing(people: People, tmp_path: Path) -> None:
    prepare(tmp_path, people.bobs)
    tool, context = find("say", people.bob, people.bobs), context_of(people.bob, people.bobs)
    Contact.objects.filter(pk=people.bob.pk).update(state=Contact.State.BLOCKED)
    assert "do not know" in async_to_sync(tool.run)(context, {"topic": "status"}).text


def test_a_call_of_a_skill_that_went_off_meanwhile_is_refused(people: People, tmp_path: Path) -> None:
    prepare(tmp_path, people.bobs)
    tool, context = find("say", people.bob, people.bobs), context_of(people.bob, people.bobs)
    Session.objects.filter(pk=people.bobs.pk).update(skills=[])
    with pytest.raises(NotAllowed, match="not on here any more"):
        async_to_sync(tool.run)(context, {"topic": "status"})
    Session.objects.filter(pk=people.bobs.pk).update(skills=people.bobs.skills)
    from_disk = offer_skills(people.bobs, people.bob.actor)
    assert from_disk.tools.find("tea__say")
    disable_skill(switched_on(tmp_path / "tea"), actor=ALICE)
    with pytest.raises(NotAllowed, match="not on here any more"):
        async_to_sync(tool.run)(context, {"topic": "status"})


def test_code_needs_the_sandbox_and_says_so(people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(tmp_path, people.bobs)
    monkeypatch.setattr("guardrails.tools.has_sandbox", lambda: False)
    policy = find("add", people.bob, people.bobs).policy
    verdict = decide_call(policy, actor=people.bob.actor, tainted=False, arguments={})
    assert (verdict.action, verdict.rule) == (Action.BLOCK, "tool.no_sandbox")
    monkeypatch.setattr("guardrails.tools.has_sandbox", has_sandbox)
    own = find("say", people.bob, people.bobs).policy
    assert not own.needs_sandbox


def test_the_text_and_the_files_of_a_skill_are_read_page_by_page(people: People, tmp_path: Path) -> None:
    prepare(tmp_path, people.bobs, body="word " * 3000, notes__md="Notes.", raw__bin=b"\0\1")
    read, context = async_to_sync(READ_SKILL.run), context_of(people.bob, people.bobs)
    first = read(context, {"name": "tea"}).text
    assert "Files beside it: SKILL.md, notes.md, raw.bin, tools.py" in first
    assert "[characters 0 to 8000 of 14999; go on with start=8000]" in first
    assert read(context, {"name": "tea", "file": "notes.md"}).text.startswith("Notes.")
    for file in ("../tea/SKILL.md", "/etc/passwd", "raw.bin", "gone.md"):
        with pytest.raises(ClawError, match=r"no such file|no text"):
            read(context, {"name": "tea", "file": file})
    with pytest.raises(ClawError, match=r"There is no skill of this name\. Skills: tea\."):
        read(context, {"name": "coffee"})
