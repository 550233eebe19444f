"""Files sent to a chat: offered to its project, placed by a press, committed; and files brought back."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from bots.cards.registry import CardView, render_card
from bots.channels.base import Address, InboundFile, InboundMessage, OutboundMessage, Sender
from bots.commands.files import PUT_COMMAND
from bots.commands.registry import Command, CommandContext, find_command, run_command
from bots.uploads.offering import is_offer, path_in
from clawsite.core.models import AuditEvent
from guardrails.types import Actor, Role
from runbooks.jobs import create_job
from runbooks.models import CurrentProject, Job, Operation, Project, ProjectMember, Upload
from runbooks.runner import perform
from runbooks.workspaces import git
from runbooks.workspaces.roots import project_root, tree_of
from sessions_app.models import Card, Contact, Session
from sessions_app.prompts.layers import ensure_layers
from tests.bots.commands.conftest import make_context
from tests.runbooks.workspaces.making import project as make_project
from tests.sessions_app.people import People, make_people

VIEW = CardView(zone=ZoneInfo("UTC"))
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(transactional_db: None, settings: Settings, tmp_path: Path) -> People:
    """Alice (admin), Bob (operator) and Charlie (stranger)."""
    settings.CLAW_HOME, settings.MEDIA_ROOT = tmp_path, tmp_path / "media"
    (settings.MEDIA_ROOT / "uploads" / "x").mkdir(parents=True)
    ensure_layers()
    return make_people()


@pytest.fixture
def shop(people: People) -> Project:
    """A project of Bob's, which he works on in his chat."""
    made = make_project("shop", owner=people.bob.actor.subject, files={"README.md": "# Shop\n", "docs/a.md": "a\n"})
    CurrentProject.objects.create(session=people.bobs, subject=people.bob.actor.subject, project=made)
    return made


def sent(settings: Settings, data: bytes, name: str, *, caption: str = "", kind: str = "document") -> InboundMessage:
    """A message with a file, which lies where the web chat keeps what is sent."""
    ref = f"x/{name}"
    (settings.MEDIA_ROOT / "uploads" / ref).write_bytes(data)
    file = InboundFile(kind=kind, ref=ref, name=name, mime="text/plain", size=len(data))
    return InboundMessage(
        external_id="1",
        kind="message",
        address=Address(chat_id="bob"),
        direct=True,
        sender=Sender(external_id="Bob"),
        message_id="7",
        text=caption,
        files=(file,),
    )


def offered(who: Contact, session: Session, message: InboundMessage) -> tuple[OutboundMessage, ...]:
    context = CommandContext(
        session=session, contact=who, channel=who.channel, actor=who.actor, message=message, language="en"
    )
    return run_command(PUT_COMMAND, context)


def press(who: Contact, session: Session, words: str) -> tuple[OutboundMessage, ...]:
    return run_command(PUT_COMMAND, make_context(who, session, words, pressed="9"))


def work() -> dict[str, Any]:
    """Do the newest job to its end and return its result."""
    job = Job.objects.order_by("-pk")[0]
    assert perform(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", (job.state, job.error)
    assert isinstance(job.result, dict)
    result: dict[str, Any] = job.result
    return result


def shown() -> str:
    card = Card.objects.order_by("-pk")[0]
    return render_card(card.kind, card.data, VIEW).text


@pytest.mark.parametrize(
    ("caption", "path"),
    [("docs/plan.pdf", "docs/plan.pdf"), ("uploads/", "uploads/"), ("plan.pdf", "plan.pdf"), ("what is this?", ""),
     ("look", ""), ("../x.txt", ""), ("e.g. this", "")],
)  # fmt: skip
def test_a_caption_may_be_a_path(caption: str, path: str) -> None:
    assert path_in(caption) == path


def test_only_files_without_a_question_of_who_works_here_are_offered(
    people: People, shop: Project, settings: Settings
) -> None:
    message = sent(settings, b"x", "a.txt")
    assert is_offer(message, people.bobs, people.bob)
    assert not is_offer(message, people.bobs, people.charlie)
    assert not is_offer(message, people.alices, people.alice)
    assert not is_offer(sent(settings, b"x", "a.txt", caption="What is this?"), people.bobs, people.bob)
    assert not is_offer(sent(settings, b"x", "a.txt", kind="voice"), people.bobs, people.bob)
    assert not is_offer(message, None, people.bob)


def test_a_file_is_asked_about_then_committed_and_replaced_only_when_told(
    people: People, shop: Project, settings: Settings
) -> None:
    (answer,) = offered(people.bob, people.bobs, sent(settings, b"one\n", "plan.md"))
    assert answer.text.startswith("Put plan.md into shop?")
    upload = Upload.objects.get()
    assert [button.data for row in answer.buttons for button in row] == [
        f"cmd:put {upload.pk} {word}" for word in ("=uploads", "=root", "=no")
    ]
    assert not Job.objects.exists()

    press(people.bob, people.bobs, f"{upload.pk} =uploads")
    work()
    assert (tree_of(shop) / "uploads" / "plan.md").read_bytes() == b"one\n"
    assert (tree_of(shop) / "uploads" / "plan.md").stat().st_mode & 0o111 == 0
    made = Operation.objects.get()
    assert (made.kind, made.sha, made.actor) == ("file_put", git.head(shop), people.bob.actor.subject)
    assert "uploads/plan.md is in shop now" in shown()
    assert not any((project_root(shop) / "jobs").glob("*"))
    assert "decided already" in press(people.bob, people.bobs, f"{upload.pk} =root")[0].text

    offered(people.bob, people.bobs, sent(settings, b"two\n", "plan.md", caption="uploads/"))
    work()
    second = Upload.objects.order_by("-pk")[0]
    assert "there already" in shown()
    assert (tree_of(shop) / "uploads" / "plan.md").read_bytes() == b"one\n"
    press(people.bob, people.bobs, f"{second.pk} =over")
    work()
    assert (tree_of(shop) / "uploads" / "plan.md").read_bytes() == b"two\n"
    assert Operation.objects.count() == 2


def test_who_may_not_change_the_project_decides_nothing(people: People, shop: Project, settings: Settings) -> None:
    offered(people.bob, people.bobs, sent(settings, b"x", "a.txt"))
    upload = Upload.objects.get()
    for who, session in ((people.alice, people.alices), (people.charlie, people.bobs), (people.alice, people.bobs)):
        press(who, session, f"{upload.pk} =root")
    assert not Job.objects.exists()
    assert "Not stored" in press(people.bob, people.bobs, f"{upload.pk} =no")[0].text
    assert Upload.objects.get().state == "cancelled"


def test_a_job_that_somebody_else_makes_leaves_a_file_as_it_is(
    people: People, shop: Project, settings: Settings
) -> None:
    offered(people.bob, people.bobs, sent(settings, b"x", "a.txt"))
    upload = Upload.objects.get()
    press(people.bob, people.bobs, f"{upload.pk} =root")
    dana = Actor(subject="user:77", role=Role.OPERATOR, name="dana")
    job = create_job("file_put", params={"upload": upload.pk}, actor=dana, start=True)
    assert perform(job.pk)

    upload.refresh_from_db()
    assert (upload.state, Card.objects.count()) == ("storing", 0)
    assert perform(Job.objects.order_by("pk")[0].pk)
    upload.refresh_from_db()
    assert upload.state == "stored"


def test_a_file_whose_job_cannot_be_made_can_be_stored_later(
    people: People, shop: Project, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(people.bob, people.bobs, sent(settings, b"x", "a.txt"))
    upload = Upload.objects.get()
    with monkeypatch.context() as patch:
        patch.setattr("runbooks.jobs.actions.MAX_OPEN", 0)
        assert "Wait for some" in press(people.bob, people.bobs, f"{upload.pk} =root")[0].text
    upload.refresh_from_db()
    assert upload.state == "waiting"
    press(people.bob, people.bobs, f"{upload.pk} =root")
    assert work()["state"] == "stored"


@pytest.mark.parametrize(
    ("data", "name", "where", "said"),
    [
        (b"\x7fELF", "tool", "=root", "is a program"),
        (b"sk-ant-api03-" + b"A1b2C3d4" * 12, "a.txt", "=root", "holds a key"),
        (b"x", "server.pem", "=root", "named like"),
    ],
)
def test_what_may_not_come_in_is_refused_and_said(
    people: People, shop: Project, settings: Settings, data: bytes, name: str, where: str, said: str
) -> None:
    before = git.head(shop)
    offered(people.bob, people.bobs, sent(settings, data, name))
    press(people.bob, people.bobs, f"{Upload.objects.get().pk} {where}")
    work()
    assert said in shown()
    refused = AuditEvent.objects.get(action="project.file_refused")
    assert (refused.actor, refused.subject) == (people.bob.actor.subject, shop.ref)
    assert git.head(shop) == before
    assert not Operation.objects.exists()


@pytest.mark.parametrize("where", ["../x.txt", "/etc/x", ".git/hooks/x", "a/.GIT/x"])
def test_no_place_outside_is_taken(people: People, shop: Project, settings: Settings, where: str) -> None:
    offered(people.bob, people.bobs, sent(settings, b"x", "a.txt"))
    press(people.bob, people.bobs, f"{Upload.objects.get().pk} {where}")
    assert not Job.objects.exists()


def test_an_archive_is_listed_and_unpacked_when_asked(people: People, shop: Project, settings: Settings) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("in/one.txt", "1")
    offered(people.bob, people.bobs, sent(settings, out.getvalue(), "pack.zip", caption="docs/"))
    work()
    assert "in/one.txt" in shown()
    assert not (tree_of(shop) / "docs" / "pack").exists()
    press(people.bob, people.bobs, f"{Upload.objects.get().pk} =extract")
    work()
    assert (tree_of(shop) / "docs" / "pack" / "in" / "one.txt").read_text() == "1"


def test_files_and_folders_are_brought_without_keys_and_links(
    people: People, shop: Project, settings: Settings
) -> None:
    (tree_of(shop) / "docs" / ".env").write_text("canary")
    (tree_of(shop) / "docs" / "link").symlink_to("/etc/passwd")
    run_command(_command("get"), make_context(people.bob, people.bobs, "docs"))
    told = work()
    with zipfile.ZipFile(settings.CLAW_HOME / told["file"]) as archive:
        assert archive.namelist() == ["docs/a.md"]
    run_command(_command("get"), make_context(people.bob, people.bobs, "README.md"))
    told = work()
    assert (settings.CLAW_HOME / told["file"]).read_text() == "# Shop\n"
    assert render_card("project-file", Card.objects.order_by("-pk")[0].data, VIEW).files[0].name == "README.md"
    run_command(_command("tree"), make_context(people.bob, people.bobs, ""))
    work()
    assert "a.md" in shown()
    assert ".git" not in shown()
    for path in ("docs/link", "docs/.env", "nope"):
        count = Job.objects.count()
        run_command(_command("get"), make_context(people.bob, people.bobs, path))
        assert Job.objects.count() == count or work()["error"]
    count = Job.objects.count()
    run_command(_command("get"), make_context(people.charlie, people.bobs, "README.md"))
    run_command(_command("tree"), make_context(people.alice, people.alices, ""))
    assert Job.objects.count() == count


def test_names_of_any_bytes_are_listed_and_brought(people: People, shop: Project, settings: Settings) -> None:
    folder = os.fsencode(tree_of(shop) / "docs")
    for name in (b"caf\xe9.txt", b"two\nlines"):
        Path(os.fsdecode(folder + b"/" + name)).write_text("x")
    run_command(_command("tree"), make_context(people.bob, people.bobs, "docs"))
    work()
    assert "caf%E9.txt" in shown()
    assert "two\ufffdlines" in shown()
    run_command(_command("get"), make_context(people.bob, people.bobs, "docs"))
    with zipfile.ZipFile(settings.CLAW_HOME / work()["file"]) as archive:
        assert archive.namelist() == ["docs/a.md", "docs/caf%E9.txt", "docs/two\ufffdlines"]


def test_a_listing_of_long_names_says_that_there_is_more(people: People, shop: Project) -> None:
    folder = tree_of(shop) / ("ж" * 120) / ("ж" * 120)
    folder.mkdir(parents=True)
    for number in range(110):
        (folder / f"{'ж' * 120}{number}").touch()
    run_command(_command("tree"), make_context(people.bob, people.bobs, ""))
    assert work()["more"]
    assert "… and more" in shown()


def _command(name: str) -> Command:
    found = find_command(name)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["file_get", "file_tree"])
def test_a_file_that_cannot_be_brought_is_said(people: People, shop: Project, kind: str) -> None:
    job = create_job(kind, params={"project": shop.key}, actor=people.bob.actor, session_id=people.bobs.pk, start=True)
    shop.delete()
    assert perform(job.pk)
    assert shown().startswith("❌ That did not work: There is no project")


@pytest.mark.parametrize("where", ["claw.yaml", ".github/workflows/ci.yml"])
def test_what_decides_on_commands_is_taken_from_a_maintainer_only(
    people: People, shop: Project, settings: Settings, where: str
) -> None:
    Project.objects.filter(pk=shop.pk).update(owner=people.alice.person)
    ProjectMember.objects.create(project=shop, subject=people.bob.actor.subject, role="developer")
    before = git.head(shop)
    offered(people.bob, people.bobs, sent(settings, b"name: shop\nallow: [[sh]]\n", "x.yml", caption=where))
    if not Job.objects.exists():
        press(people.bob, people.bobs, f"{Upload.objects.get().pk} {where}")
    assert work()["state"] == "refused"
    assert "maintainer" in shown()
    assert git.head(shop) == before


def test_what_a_killed_run_left_is_not_committed(people: People, shop: Project, settings: Settings) -> None:
    offered(people.bob, people.bobs, sent(settings, b"one\n", "plan.md", caption="docs/"))
    job = Job.objects.get()
    tree = git.add_worktree(shop, job.key, f"jobs/{job.key}")
    (tree / ".0123456789abcdef.draft").write_text("half")
    work()
    assert sorted(each.name for each in tree_of(shop).iterdir()) == ["README.md", "docs"]
    assert (tree_of(shop) / "docs" / "plan.md").exists()
