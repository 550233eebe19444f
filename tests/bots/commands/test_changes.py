"""Commands that a project defines, and /changes: known to the project's people, unknown to everybody else."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest
import yaml

from bots.cards.registry import CardView, render_card
from bots.channels.base import Address, InboundMessage, OutboundMessage, Sender
from bots.commands.project_commands import match_project
from guardrails.models import Approval
from runbooks.models import ChangeRequest, CommandSet, Job, Project
from runbooks.workspaces.gitops import builtins
from runbooks.workspaces.gitops.asking import ask
from runbooks.workspaces.gitops.showing import describe
from sessions_app.models import Contact, Session
from tests.bots.commands.conftest import Say
from tests.runbooks.workspaces.gitops.papers import DEPLOY, SCALE
from tests.sessions_app.people import People

VIEW = CardView(zone=ZoneInfo("UTC"))
UNKNOWN = "There is no such change."


@pytest.fixture
def project(people: People) -> Project:
    """A project of Bob's with /scale, chosen in his chat; Alice looks at it in hers."""
    made = Project.objects.create(key="shop-1", name="shop", owner=people.bob.person, type="fastapi", state="ready")
    made.members.create(subject=people.alice.person, role="viewer")
    for session, contact in ((people.bobs, people.bob), (people.alices, people.alice)):
        made.current_in.create(session=session, subject=contact.person)
    documents = [{"file": "x.yaml", "document": yaml.safe_load(each)} for each in (SCALE, DEPLOY)]
    CommandSet.objects.create(project=made, documents=documents)
    return made


@pytest.fixture
def change(project: Project, people: People) -> ChangeRequest:
    """A change of Bob's that waits for an approval."""
    policy = {"createBranch": True, "autoMerge": False, "requireApproval": True}
    made = ChangeRequest.objects.create(
        project=project, session=people.bobs, line="/scale web 3", file="x.yaml", title="Run 3 copies of web",
        role="developer", policy=policy, branch="gitops/scale-1", base="0" * 40, commit="1" * 40,
        files=[["deploy/web.yaml", 1, 1]], requested_by=people.bob.person, requested_name="Bob",
    )  # fmt: skip
    ask(made)
    return made


def typed(contact: Contact, session: Session, text: str, *, forwarded: bool = False) -> str:
    """Return the line that a text becomes; "" when it is no command of a project."""
    message = InboundMessage(
        external_id="1", kind="message", address=Address(chat_id=session.chat_id), direct=True, text=text,
        sender=Sender(external_id=contact.external_id), forwarded=forwarded,
    )  # fmt: skip
    match = match_project(message, session, contact, bot_username="clawbot")
    return f"{match.command.name} {match.args}" if match else ""


def buttons(answer: OutboundMessage) -> list[str]:
    return [(button.data or "").removeprefix("cmd:") for row in answer.buttons for button in row]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("/scale web 3", "gitops scale web 3"),
        ("/Scale@clawbot Web count=3", "gitops Scale Web count=3"),
        ("@clawbot /scale web", "gitops scale web"),
        ("/scale@other web 3", ""),
        ("/deploy production", ""),
        ("/grow web", ""),
        ("scale web 3", ""),
    ],
)
def test_a_command_of_the_project_is_known_where_it_is_the_current_one(
    people: People, project: Project, text: str, line: str
) -> None:
    assert typed(people.bob, people.bobs, text) == line
    assert typed(people.bob, people.group, text) == ""
    assert typed(people.charlie, people.bobs, text) == ""
    assert typed(people.bob, people.bobs, text, forwarded=True) == ""


def test_running_one_starts_a_job_with_its_words(people: People, project: Project, say: Say) -> None:
    assert say(people.bob, people.bobs, "/gitops scale 'web' count=3") == ()
    job = Job.objects.get()
    assert (job.kind, job.params) == (
        "gitops", {"project": "shop-1", "command": "scale", "words": ["web", "count=3"]},
    )  # fmt: skip
    for _ in range(2):
        assert say(people.bob, people.bobs, "/gitops scale api 3", pressed="9") == ()
    assert say(people.bob, people.bobs, "/gitops scale 1 2 3")[0].text == "Write: /scale SERVICE COUNT"
    assert say(people.bob, people.bobs, "/gitops grow")[0].text == "shop has no command /grow."
    assert "needs the role developer" in say(people.alice, people.alices, "/gitops scale web 3")[0].text
    assert Job.objects.count() == 2


def test_open_changes_are_listed_with_what_can_be_done(people: People, change: ChangeRequest, say: Say) -> None:
    (answer,) = say(people.bob, people.bobs, "/changes")
    assert answer.text.splitlines() == [
        "Open changes of shop:",
        "",
        f"{change.pk} · Run 3 copies of web · Bob · open",
        "",
        "Commands of this project:",
        "/scale SERVICE COUNT – Change how many copies of a service run",
    ]
    assert buttons(answer) == [f"changes diff {change.pk}", f"changes close {change.pk}"]
    ChangeRequest.objects.update(state="approved")
    assert buttons(say(people.bob, people.bobs, "/changes")[0])[0] == f"changes merge {change.pk}"
    ChangeRequest.objects.update(state="merged")
    assert say(people.bob, people.bobs, "/changes")[0].text.startswith("No change of shop is open.")


def test_merging_waits_for_the_approval(people: People, change: ChangeRequest, say: Say) -> None:
    assert say(people.bob, people.bobs, f"/changes merge {change.pk}")[0].text == "This change is not approved yet."
    assert say(people.bob, people.bobs, f"/changes diff {change.pk}") == ()
    ChangeRequest.objects.update(state="approved")
    assert say(people.bob, people.bobs, f"/changes merge {change.pk}") == ()
    assert [job.kind for job in Job.objects.order_by("pk")] == ["code_diff", "gitops_merge"]
    assert "needs the role developer" in say(people.alice, people.alices, f"/changes merge {change.pk}")[0].text


def test_closing_takes_the_request_back(people: People, change: ChangeRequest, say: Say) -> None:
    assert "maintainer" in say(people.alice, people.alices, f"/changes close {change.pk}")[0].text
    assert "is closed" in say(people.bob, people.bobs, f"/changes close {change.pk}")[0].text
    assert (ChangeRequest.objects.get().state, Approval.objects.get().state) == ("closed", "expired")
    assert say(people.bob, people.bobs, f"/changes close {change.pk}")[0].text == "This change is over."


@pytest.mark.parametrize("verb", ["merge", "close", "diff"])
def test_charlie_sees_nothing(people: People, change: ChangeRequest, say: Say, verb: str) -> None:
    people.charlie.state = Contact.State.APPROVED
    people.charlie.save()
    for number in (change.pk, 999, "x"):
        assert say(people.charlie, people.group, f"/changes {verb} {number}")[0].text == UNKNOWN
    assert say(people.charlie, people.group, "/changes")[0].text == "Choose a project first: /projects."
    assert say(people.bob, people.bobs, "/changes dance")[0].text.startswith("Use /changes, ")


@pytest.mark.parametrize(
    ("state", "said", "pressed"),
    [
        ("open", "It waits for an approval.", ["diff", "close"]),
        ("approved", "Approved by Alice. It can be merged.", ["merge", "diff", "close"]),
        ("merged", "Merged by Alice as 222222222222.", ["diff"]),
        ("rejected", "Rejected by Alice.", ["diff"]),
        ("expired", "Nobody decided in time.", ["diff"]),
        ("closed", "Closed by Alice.", ["diff"]),
        ("conflict", "meanwhile: a.txt. Run", ["gitops scale web 3", "diff"]),
        ("moved", "not what was approved", ["gitops scale web 3", "diff"]),
    ],
)
def test_the_card_says_how_it_stands(change: ChangeRequest, state: str, said: str, pressed: list[str]) -> None:
    change.state, change.merged, change.conflicts = state, "2" * 40, ["a.txt"]
    message = render_card("change", describe(change) | {"by": "Alice"}, VIEW)
    assert message.plain
    assert said in message.text
    assert "deploy/web.yaml  +1 −1" in message.text
    short = [re.sub(rf"^changes (\w+) {change.pk}$", r"\1", each) for each in buttons(message)]
    assert short == pressed


def test_errors_and_failures_are_said() -> None:
    data = {"project": "shop", "commit": "1" * 40, "errors": ["a.yaml: line 1: x"], "more": 2}
    assert "and 2 more" in render_card("change-errors", data, VIEW).text
    assert render_card("change-failed", {"failed": "failed", "error": "No."}, VIEW).text == "❌ That did not work: No."


def test_every_command_of_ours_is_a_name_that_no_document_takes() -> None:
    assert all(builtins.is_builtin(name) for name in ("help", "approve-production", "changes", "deploy"))
    assert not builtins.is_builtin("scale")
