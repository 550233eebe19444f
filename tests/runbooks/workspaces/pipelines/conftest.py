"""A project of Bob's with a watching chat, connected to a forge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runbooks.models import CiDelivery, ForgeConnection, Project, ProjectWatch
from runbooks.workspaces.pipelines.store import process_delivery, store_delivery
from sessions_app.models import Card
from tests.servers.forges import GitHubServer, github
from tests.servers.forges.base import TOKEN
from tests.sessions_app.people import People, make_people

SECRET = "a-secret-of-both-sides"


@pytest.fixture
def people(db: None) -> People:
    """Alice (admin), Bob (operator) and Charlie (stranger)."""
    return make_people()


@pytest.fixture
def shop(people: People) -> Project:
    """Bob's project, of which his chat hears."""
    project = Project.objects.create(
        key="shop-1", name="shop", owner=people.bob.person, type="python", state=Project.State.READY
    )
    ProjectWatch.objects.create(project=project, session=people.bobs)
    return project


@pytest.fixture
def forge() -> Iterator[GitHubServer]:
    """GitHub on loopback."""
    with GitHubServer().running() as server:
        yield server


@pytest.fixture
def connected(shop: Project, forge: GitHubServer) -> ForgeConnection:
    """The project's connection to it."""
    return connect(shop, api_url=forge.api_url, repository=github.REPOSITORY, workflow="ci.yml", token=TOKEN)


def connect(project: Project, kind: str = "github", **fields: Any) -> ForgeConnection:
    """Connect a project."""
    given = {"repository": "octo/shop", "webhook_secret": SECRET} | fields
    return ForgeConnection.objects.create(project=project, kind=kind, **given)


Deliver = Callable[..., str]


@pytest.fixture
def deliver(shop: Project) -> Deliver:
    """Have a delivery stored and worked on, as the webhook and a worker do; return what became of it."""
    count = iter(range(10_000))

    def delivered(payload: dict[str, Any], *, event: str = "", kind: str = "github", number: str = "") -> str:
        pk, _made = store_delivery(
            shop.pk, kind=kind, delivery_id=number or f"d{next(count)}", event=event, body=json.dumps(payload)
        )
        process_delivery(pk)
        row = CiDelivery.objects.get(pk=pk)
        return f"{row.state}: {row.outcome}"

    return delivered


def cards(kind: str) -> list[Card]:
    """Return the cards of a kind, the oldest first."""
    return list(Card.objects.filter(kind=kind).order_by("pk"))
