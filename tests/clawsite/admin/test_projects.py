"""The pages of projects: what they show, and what only admins may do."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from clawsite.core.models import AuditEvent, User
from runbooks.models import Environment, Project, ProjectMember
from runbooks.workspaces.operations import record_operation
from runbooks.workspaces.roots import project_root
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.workspaces.making import project

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made(settings: Settings, tmp_path: Path) -> Project:
    """A project of Bob's with a member and a change."""
    settings.CLAW_HOME = tmp_path
    row = project(owner_name="Bob")
    ProjectMember.objects.create(project=row, subject=ALICE.subject, name="<b>Alice</b>", role="viewer")
    record_operation(row, kind="code", sha="abcdef0123", actor=BOB, summary="Add <i>a</i> page")
    return row


def press(client: Client, row: Project, name: str, **data: str) -> int:
    """Press a button and return the status."""
    return client.post(reverse("admin:runbooks_project_press", args=[row.pk, name]), data, follow=True).status_code


def test_the_page_tells_who_and_what(alice: Client, made: Project) -> None:
    page = alice.get(reverse("admin:runbooks_project_change", args=[made.pk])).content.decode()
    for text in ("Bob (user:2)", "&lt;b&gt;Alice&lt;/b&gt; (user:1): viewer", "abcdef01", "1 files, 0.0 MB"):
        assert text in page
    assert "<i>a</i>" not in page
    listed = alice.get(reverse("admin:runbooks_operation_changelist")).content.decode()
    assert "Add &lt;i&gt;a&lt;/i&gt; page" in listed


def test_an_admin_opens_the_network_archives_and_removes(alice: Client, made: Project) -> None:
    root = project_root(made)
    for name in ("allow_network", "archive"):
        press(alice, made, name)
    made.refresh_from_db()
    assert (made.network, made.archived) == (True, True)
    for name in ("forbid_network", "restore"):
        press(alice, made, name)
    made.refresh_from_db()
    assert (made.network, made.archived) == (False, False)

    press(alice, made, "remove")
    assert Project.objects.exists()  # it asks first
    press(alice, made, "remove", confirmed="yes")
    assert not Project.objects.exists()
    assert not root.exists()
    assert AuditEvent.objects.filter(subject=made.ref, actor__startswith="user:").count() == 5


@pytest.mark.parametrize("name", ["allow_network", "archive", "remove"])
def test_bob_looks_and_charlie_does_not(bob: Client, charlie: Client, made: Project, name: str) -> None:
    assert press(bob, made, name, confirmed="yes") == 403
    url = reverse("admin:runbooks_project_press", args=[made.pk, name])
    assert "login" in charlie.post(url)["Location"]
    assert Project.objects.filter(network=False, archived=False).exists()


def test_only_admins_grant_programs_on_the_host(alice: Client, bob: Client, bob_user: User, made: Project) -> None:
    place = Environment.objects.create(project=made, name="staging")
    bob_user.user_permissions.set(Permission.objects.filter(codename__endswith="_environment"))
    address = reverse("admin:runbooks_environment_change", args=[place.pk])
    assert bob.post(address, {"url": "", "host": '["sh"]'}).status_code == 403
    assert alice.post(address, {"url": "", "host": '"shell"'}).status_code == 200  # a text is no list
    assert Environment.objects.get().host == []

    assert alice.post(address, {"url": "", "host": '["sh"]'}).status_code == 302
    assert Environment.objects.get().host == ["sh"]
