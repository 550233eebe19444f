"""The stories of deploying (seeds of the product, third part, chapter 13), in their users' words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from pytest_bdd import given, parsers, scenarios, then, when
from pytest_django import Settings

from guardrails.processes import has_sandbox
from runbooks.models import CurrentProject, Deploy, Environment, Project
from runbooks.workspaces.roots import tree_of
from sessions_app.models import Contact, Session
from tests.features.night import Night
from tests.runbooks.workspaces.deploying import change, served, shop, states

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_sandbox(), reason="needs bubblewrap"),
]
scenarios("deploy.feature")


class Shop:
    """A project, and the service that its environments are."""

    def __init__(self, project: Project, url: str) -> None:
        self.project, self.url = project, url

    def release(self, text: str, *, health: str) -> None:
        """Commit the next release."""
        change(self.project, {"index.html": f"{text}\n", "health.txt": health})

    def says(self) -> str:
        """Ask the service for its page."""
        with urlopen(f"{self.url}/index.html", timeout=10) as answer:  # noqa: S310
            return str(answer.read().decode().strip())


@pytest.fixture
def place(tmp_path: Path, settings: Settings) -> Iterator[tuple[Path, str]]:
    """A state directory of its own, served over loopback."""
    settings.CLAW_HOME = tmp_path
    with served(tmp_path / "workspaces") as url:
        yield tmp_path, url


@given("I am logged in as admin")
def logged_in(night: Night) -> None:
    night.writes("Alice", "/status")


@given(parsers.parse('my project "{name}" is served on loopback'), target_fixture="project")
def project_is_served(night: Night, name: str, place: tuple[Path, str]) -> Shop:
    contact = Contact.objects.get(external_id=str(night.people["Alice"]))
    folder = contact.subject.replace(":", "-")
    staging = f"{place[1]}/{folder}/{name}/environments/staging/current"
    told = {"staging": {"health": {"url": f"{staging}/health.txt", "seconds": 3}}, "production": {}}
    made = shop(owner=contact.subject, environments=told)
    session = Session.objects.get(chat_id=str(night.people["Alice"]))
    CurrentProject.objects.create(session=session, subject=contact.subject, project=made)
    Environment.objects.create(project=made, name="staging", url=place[1])
    shown = Shop(made, staging)
    shown.release("one", health="ok\n")
    return shown


@given("tests are failing")
def failing_tests(project: Shop) -> None:
    change(project.project, {"check.sh": "echo 'FAILED tests/test_shop.py::test_total - assert 1 == 2'; exit 1\n"})


@given("the project has no tests")
def no_tests(project: Shop) -> None:
    _tell(project, test=None)


@given("production needs an approval")
def needs_approval(project: Shop) -> None:
    _tell(project, environments={"production": {"approval": True}})


@given(parsers.parse('a release "{text}" that is broken'))
def broken_release(project: Shop, text: str) -> None:
    (tree_of(project.project) / "health.txt").unlink()
    change(project.project, {"index.html": f"{text}\n"})


@given(parsers.parse('a release "{text}" that works'))
def good_release(project: Shop, text: str) -> None:
    project.release(text, health="ok\n")


@given(parsers.parse('I have sent "{text}"'))
@when(parsers.parse('I send "{text}"'))
def i_send(night: Night, text: str) -> None:
    night.writes("Alice", text)
    night.works()


@when(parsers.parse('Charlie sends "{text}"'))
def charlie_sends(night: Night, text: str) -> None:
    night.writes("Charlie", text)
    night.works()


@then(parsers.parse('I should see "{text}"'))
def i_see(night: Night, text: str) -> None:
    night.find("Alice", text)


@then("deployment should succeed")
def succeeded(project: Shop) -> None:
    assert states(project.project) == ["live"]


@then("deployment should be aborted")
def aborted(project: Shop) -> None:
    assert not Deploy.objects.exclude(state="failed").exists()


@given(parsers.parse('the service should answer "{text}"'))
@then(parsers.parse('the service should answer "{text}"'))
def service_says(project: Shop, text: str) -> None:
    assert project.says() == text


def _tell(project: Shop, **values: object) -> None:
    """Change what claw.yaml says."""
    told = json.loads((tree_of(project.project) / "claw.yaml").read_text(encoding="utf-8")) | values
    change(project.project, {"claw.yaml": json.dumps({key: each for key, each in told.items() if each is not None})})
