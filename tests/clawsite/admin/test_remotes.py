"""The page of remotes: what admins enter, what is made for them, and what it never shows."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from clawsite.core.models import AuditEvent
from runbooks.models import Job, Project, Remote

pytestmark = pytest.mark.django_db

ADD = "admin:runbooks_remote_add"
TOKEN = "forge-token-nobody-may-see"


@pytest.fixture(autouse=True)
def allowed(settings: Settings) -> None:
    """Let projects be pushed to one host."""
    settings.CLAW_GIT_REMOTES = ["forge.test"]


@pytest.fixture
def project(db: None) -> Project:
    """A project without a remote."""
    return Project.objects.create(key="shop-1", name="shop", owner="user:1", type="fastapi", state="ready")


def form(project: Project, **fields: str) -> dict[str, Any]:
    return {"project": project.pk, "url": "git@forge.test:us/shop.git", "enabled": "on"} | fields


def press(client: Client, row: Remote, name: str, **fields: str) -> str:
    url = reverse("admin:runbooks_remote_press", args=[row.pk, name])
    return client.post(url, fields, follow=True).content.decode()


def page(row: Remote) -> str:
    return reverse("admin:runbooks_remote_change", args=[row.pk])


def test_alice_adds_one_and_gets_a_deploy_key_to_copy(alice: Client, project: Project) -> None:
    answer = alice.post(reverse(ADD), form(project, new_token=TOKEN))
    assert answer.status_code == 302, answer.content.decode()
    row = Remote.objects.get()
    assert (row.url, str(row.token)) == ("ssh://git@forge.test/us/shop.git", TOKEN)
    shown = alice.get(page(row)).content.decode()

    assert row.public_key.split()[1] in shown.replace("&#x2B;", "+")
    assert "Copy this line" in shown
    assert TOKEN not in shown
    assert "PRIVATE" not in shown
    assert TOKEN not in str(list(AuditEvent.objects.values()))
    assert [job.params for job in Job.objects.filter(kind="git_push")] == [{"project": "shop-1"}]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://other.test/us/shop", "not among CLAW_GIT_REMOTES"),
        (f"https://us:{TOKEN}@forge.test/us/shop", "holds no password"),
        ("ssh://-oProxyCommand=id/us/shop", "begins with ssh://"),
        ("file:///etc", "not among CLAW_GIT_REMOTES"),
    ],
)
def test_an_address_that_is_not_right_is_said_at_its_field(
    alice: Client, project: Project, url: str, said: str
) -> None:
    assert said in alice.post(reverse(ADD), form(project, url=url)).content.decode()
    assert not Remote.objects.exists()


def test_another_address_is_another_host(alice: Client, project: Project) -> None:
    alice.post(reverse(ADD), form(project))
    Remote.objects.update(host_keys=["ssh-ed25519 AAAA"], pushed_sha="a" * 40, state="ok")
    row = Remote.objects.get()
    alice.post(page(row), form(project, url="git@forge.test:us/other.git"))
    row.refresh_from_db()

    assert (row.host_keys, row.pushed_sha, row.state) == ([], "", "new")
    assert AuditEvent.objects.filter(action="remote.change").get().data == {"fields": ["url"]}


def test_alice_makes_another_key_and_forgets_a_host(alice: Client, project: Project) -> None:
    alice.post(reverse(ADD), form(project))
    Remote.objects.update(host_keys=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA=="])
    row = Remote.objects.get()
    assert "Make another one?" in press(alice, row, "new_key")
    press(alice, row, "new_key", confirmed="1")
    press(alice, row, "forget", confirmed="1")
    after = Remote.objects.get()

    assert after.public_key != row.public_key
    assert after.host_keys == []
    assert "is being pushed" in press(alice, row, "push")
    assert {"remote.key", "remote.forget", "remote.push"} <= set(AuditEvent.objects.values_list("action", flat=True))


def test_bob_looks_and_charlie_does_not(alice: Client, bob: Client, charlie: Client, project: Project) -> None:
    alice.post(reverse(ADD), form(project, new_token=TOKEN))
    row = Remote.objects.get()
    shown = bob.get(page(row)).content.decode()
    assert "new_token" not in shown
    assert TOKEN not in shown
    assert bob.post(page(row), form(project, url="git@forge.test:us/x")).status_code == 403
    assert charlie.get(page(row)).status_code in (302, 403)
    for client in (bob, charlie):
        for name in ("push", "new_key", "forget"):
            assert client.post(reverse("admin:runbooks_remote_press", args=[row.pk, name])).status_code in (302, 403)
    assert Remote.objects.get().url == row.url
