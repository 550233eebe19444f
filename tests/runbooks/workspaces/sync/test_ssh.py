"""Pushing through a real sshd: the first meeting, an outage, and a host that is suddenly another one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from guardrails.approvals import decide
from guardrails.models import Approval
from guardrails.types import Actor, Role
from runbooks.models import Project, Remote
from runbooks.workspaces import git
from runbooks.workspaces.sync.hosts import forget_host
from runbooks.workspaces.sync.keys import fingerprint
from runbooks.workspaces.sync.queue import push_due
from sessions_app.models import Card
from tests.runbooks.people import ALICE, BOB, CHARLIE
from tests.runbooks.workspaces.sync.places import at_remote, change, connect, push, pushes
from tests.servers.ssh import Sshd

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sshd() -> Iterator[Sshd]:
    """A server that lets nobody in yet."""
    with Sshd.running() as server:
        yield server


@pytest.fixture
def remote(project: Project, bare: Path, sshd: Sshd) -> Remote:
    """A remote whose deploy key was put where it belongs."""
    made = connect(project, sshd.url(bare))
    sshd.allow(made.public_key)
    return made


def approve(actor: Actor = BOB) -> str:
    request = Approval.objects.get(state="waiting")
    return decide(request.key, actor=actor, approve=True).outcome


def test_a_new_host_is_spoken_to_once_a_maintainer_knows_it(remote: Remote, bare: Path, sshd: Sshd) -> None:
    assert push().state == "failed"
    request = Approval.objects.get()
    assert fingerprint(sshd.host_key) in request.summary
    assert Card.objects.get(kind="approval").data["summary"] == request.summary
    assert list(bare.glob("refs/heads/*")) == []
    other = Actor(subject="user:9", role=Role.OPERATOR, name="Oscar")
    assert [approve(actor) for actor in (CHARLIE, other)] == ["not_allowed"] * 2

    assert approve(BOB) == "approved"
    assert push().state == "succeeded"
    assert at_remote(bare) == git.head(remote.project)
    remote.refresh_from_db()
    assert remote.host_keys == [sshd.host_key]


def test_who_is_no_maintainer_any_more_makes_no_host_known(remote: Remote) -> None:
    oscar = Actor(subject="user:9", role=Role.OPERATOR, name="Oscar")
    remote.project.members.create(subject=oscar.subject, role="maintainer")
    push()
    remote.project.members.all().delete()
    assert approve(oscar) == "approved"
    remote.refresh_from_db()
    assert remote.host_keys == []

    Remote.objects.update(due_at=timezone.now())
    push_due()
    push()
    assert approve(oscar) == "not_allowed"
    assert approve(BOB) == "approved"
    remote.refresh_from_db()
    assert remote.host_keys != []


def test_what_was_refused_or_asked_twice(remote: Remote, sshd: Sshd) -> None:
    push()
    Remote.objects.update(due_at=timezone.now())
    push_due()
    push()
    request = Approval.objects.get()  # it is asked once
    assert decide(request.key, actor=ALICE, approve=False).outcome == "rejected"
    remote.refresh_from_db()
    assert (remote.host_keys, pushes()) == ([], [])


def test_keys_that_changed_since_they_were_shown_are_not_taken(remote: Remote) -> None:
    push()
    Remote.objects.update(offered_keys=["ssh-ed25519 AAAA"])
    assert approve() == "approved"
    remote.refresh_from_db()
    assert remote.host_keys == []


def test_an_outage_and_a_host_that_is_another_one(remote: Remote, bare: Path, sshd: Sshd) -> None:
    push()
    approve()
    push()
    sshd.stop()
    change(remote.project, {"b.txt": "b"})
    assert push().state == "failed"
    remote.refresh_from_db()
    assert remote.state == "away"

    sshd.new_host_key()
    sshd.start()
    before = at_remote(bare)
    Remote.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    push_due()
    push()
    remote.refresh_from_db()
    assert (remote.state, at_remote(bare)) == ("host_key", before)
    assert Card.objects.get(kind="sync").data["state"] == "host_key"

    forget_host(remote, actor=ALICE)
    push()
    approve()
    assert push().state == "succeeded"
    assert at_remote(bare) == git.head(remote.project)
    assert Card.objects.get(kind="sync").data["what"] == "recovered"


def test_no_secret_leaves_the_row(remote: Remote, sshd: Sshd, capfd: pytest.CaptureFixture[str]) -> None:
    push()
    approve()
    sshd.allow()
    failed = push()
    secret = "".join(remote.private_key.split()[5:7])
    remote.refresh_from_db()
    texts = [failed.error, remote.error, str(Card.objects.values_list("data", flat=True)), capfd.readouterr().err]
    assert remote.state == "denied"
    assert all(secret[:20] not in text and "PRIVATE" not in text for text in texts)
    assert "PRIVATE" not in repr(remote.private_key)
