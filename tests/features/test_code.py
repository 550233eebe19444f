"""The stories of working on a project from a phone (seeds of the product, chapter on remote development)."""

from __future__ import annotations

import pytest
from pytest_bdd import given, parsers, scenarios, then, when

from runbooks.models import CodeRun, Feedback, Job, Project
from runbooks.workspaces import git
from sessions_app.sessions import get_or_create_session
from tests.bots.code.making import MEND, make_project
from tests.features.night import Night
from tests.servers.messages.scripts import text, tool_use

pytestmark = pytest.mark.django_db(transaction=True)
scenarios("code.feature")


@pytest.fixture
def project(night: Night) -> Project:
    """Bob's project, chosen in his chat."""
    bob = night.contact("Bob")
    session = get_or_create_session(bob.channel_id, chat_id=bob.external_id, thread_id="", direct=True)
    return make_project(bob, session)


@given("I am logged in as operator")
def logged_in(night: Night) -> None:
    assert night.contact("Bob").role == "operator"


@given(parsers.parse('I work on the project "{name}", in which a test fails'))
def my_project(project: Project, name: str) -> None:
    assert project.name == name


@given("the assistant mends the code")
def mends(night: Night) -> None:
    night.flow.model.script(tool_use("read_file", {"path": "app.py"}), match="failing test", on_result=False)
    night.flow.model.script(MEND, on_result=True)
    night.flow.model.script(text("It adds now."), on_result=True)


@given("the assistant adds a module and mends nothing")
def adds(night: Night) -> None:
    new = {"path": "new.py", "content": "x = 1\n", "why": "Add a module"}
    night.flow.model.script(tool_use("write_file", new), match="Add a module", on_result=False)
    night.flow.model.script(text("Added."), on_result=True)


@given(parsers.parse('the assistant wants to run "{line}"'))
def wants(night: Night, line: str) -> None:
    night.flow.model.script(tool_use("run_command", {"argv": line.split()}), match="How long", on_result=False)
    night.flow.model.script(text("It is short."), on_result=True)


@given(parsers.parse('I sent "{line}"'))
@when(parsers.parse('I send "{line}"'))
def i_send(night: Night, line: str) -> None:
    night.writes("Bob", line)


@when(parsers.parse('Charlie sends "{line}"'))
def charlie_sends(night: Night, line: str) -> None:
    night.writes("Charlie", line)


@given("the work is done")
@when("the work is done")
def done(night: Night) -> None:
    night.works_with_model()


@when(parsers.parse('I press "{label}"'))
def i_press(night: Night, label: str) -> None:
    night.taps("Bob", label)


@when(parsers.parse('I see "{words}"'))
@then(parsers.parse('I should see "{words}"'))
def i_see(night: Night, words: str) -> None:
    night.find("Bob", words)


@then(parsers.parse('the message holds "{words}"'))
def message_holds(night: Night, words: str) -> None:
    assert words in night.message["text"]


@then(parsers.parse('git log says "{words}"'))
def log_says(project: Project, words: str) -> None:
    assert words in log_of(project)


@then(parsers.parse('git log does not say "{words}"'))
def log_does_not_say(project: Project, words: str) -> None:
    assert words not in log_of(project)


@then("my feedback is kept")
def feedback_kept() -> None:
    assert Feedback.objects.get(name__gt="").good is False


@then("nothing is being worked on")
def nothing_goes_on() -> None:
    assert not CodeRun.objects.exists()
    assert not Job.objects.filter(kind="agent_code").exists()


def log_of(project: Project) -> str:
    return git.run_git(project, "log", "--format=%s", git.head(project)).stdout.decode()
