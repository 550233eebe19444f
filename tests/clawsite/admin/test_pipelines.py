"""The pages of pipelines: a forge is connected here and nowhere else, and its token never comes out again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from clawsite.core.models import AuditEvent
from runbooks.models import CiDelivery, ForgeConnection, Job, Pipeline, Project
from tests.clawsite.admin.rows import WEBHOOK_SECRET, Rows
from tests.clawsite.admin.test_alerts import press
from tests.servers.forges import GitHubServer
from tests.servers.forges.base import TOKEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def forge() -> Iterator[GitHubServer]:
    with GitHubServer().running() as server:
        yield server


def save(client: Client, project: Project, pk: int | None = None, **changes: Any) -> HttpResponse:
    """Send the form of a connection as a browser does."""
    data = {"project": str(project.pk), "kind": "github", "api_url": "", "repository": "octo/web", "workflow": "ci.yml"}
    data |= {"enabled": "on", "new_token": "", "new_webhook_secret": ""} | changes
    where = (
        reverse("admin:runbooks_forgeconnection_change", args=[pk])
        if pk
        else reverse("admin:runbooks_forgeconnection_add")
    )
    answer = client.post(where, data)
    assert isinstance(answer, HttpResponse)
    return answer


def test_alice_connects_a_project_and_the_secrets_stay_inside(alice: Client, rows: Rows, forge: GitHubServer) -> None:
    project = Project.objects.create(key="web-1", name="web", owner="user:1", type="python")
    save(alice, project, api_url=forge.api_url, new_token=f" {TOKEN} ", new_webhook_secret="a-secret-of-both-sides")
    row = ForgeConnection.objects.get(project=project)
    assert (row.token, row.webhook_secret) == (TOKEN, "a-secret-of-both-sides")
    page = alice.get(reverse("admin:runbooks_forgeconnection_change", args=[row.pk])).content.decode()
    assert "/webhook/ci/web-1" in page
    assert TOKEN not in page
    assert "a-secret-of-both-sides" not in page
    press(alice, "forgeconnection", row.pk, "test")
    assert forge.asked
    save(alice, project, row.pk, api_url=forge.api_url, repository="octo/other")
    row.refresh_from_db()
    assert (row.token, row.repository) == (TOKEN, "octo/other")
    told = AuditEvent.objects.filter(action__startswith="forgeconnection.").values_list("data", flat=True)
    assert TOKEN not in str(list(told))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"repository": "no repository"}, "OWNER/NAME"),
        ({"api_url": "ftp://x"}, "http"),
        ({"new_webhook_secret": "short"}, "at least 16"),
        ({"new_token": "two words"}, "one word"),
        ({"workflow": "../x"}, "ci.yml"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(alice: Client, rows: Rows, changes: dict[str, Any], said: str) -> None:
    project = Project.objects.create(key="web-1", name="web", owner="user:1", type="python")
    assert said in save(alice, project, **changes).content.decode()
    assert not ForgeConnection.objects.filter(project=project).exists()


def test_bob_and_charlie_connect_nothing(bob: Client, charlie: Client, rows: Rows) -> None:
    pk = rows.alerts["runbooks_forgeconnection"]
    project = ForgeConnection.objects.get(pk=pk).project
    for client in (bob, charlie):
        assert save(client, project, pk, repository="evil/evil").status_code in (302, 403)
        press(client, "forgeconnection", pk, "test")
        press(client, "pipeline", rows.alerts["runbooks_pipeline"], "cancel")
    row = ForgeConnection.objects.get(pk=pk)
    assert (row.repository, row.token) == ("octo/shop", WEBHOOK_SECRET)
    assert Job.objects.filter(kind="pipeline_ask").count() == 0


def test_alice_cancels_a_pipeline_and_replays_a_delivery(alice: Client, rows: Rows) -> None:
    press(alice, "pipeline", rows.alerts["runbooks_pipeline"], "cancel")
    assert Job.objects.get(kind="pipeline_ask").params["verb"] == "cancel"
    press(alice, "cidelivery", rows.alerts["runbooks_cidelivery"], "replay")
    assert CiDelivery.objects.get().state == "new"
    Pipeline.objects.update(state="failed")
    press(alice, "pipeline", rows.alerts["runbooks_pipeline"], "retry")
    assert Job.objects.filter(kind="pipeline_ask").count() == 2


def test_a_connection_is_removed_with_its_secrets(alice: Client, rows: Rows) -> None:
    pk = rows.alerts["runbooks_forgeconnection"]
    alice.post(reverse("admin:runbooks_forgeconnection_delete", args=[pk]), {"post": "yes"})
    assert not ForgeConnection.objects.exists()
    assert AuditEvent.objects.filter(action="forgeconnection.delete").count() == 1
