"""The choice of a gateway when a job is created: what fits, what is missing, and who may."""

from __future__ import annotations

from typing import Any

import pytest

from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.models import AuditEvent
from clawsite.core.queue import count_waiting
from guardrails.types import Role
from runbooks import jobs
from runbooks.jobs import JobContext
from runbooks.models import GatewayTarget, Job
from tests.runbooks.people import ALICE, BOB, CHARLIE, VIEWER
from tests.runbooks.running import kind as local_kind

pytestmark = pytest.mark.django_db


def target(name: str, **fields: Any) -> GatewayTarget:
    return GatewayTarget.objects.create(**{"name": name, "ws_url": "ws://127.0.0.1:9", **fields})


def send(**options: Any) -> Job:
    given: dict[str, Any] = {"actor": BOB, "start": True} | options
    return jobs.create_job(given.pop("kind", "deploy"), **given)


@pytest.fixture
def three() -> None:
    target("cpu", capacity=4, allowed_repos=["acme/*"])
    target("gpu", capacity=4, labels=["gpu", "eu"], kinds=["train", "deploy"])
    target("off", enabled=False, labels=["tpu"])


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ({}, "gpu"),  # made for this kind
        ({"labels": ["gpu"]}, "gpu"),
        ({"labels": ["eu", "gpu"]}, "gpu"),
        ({"repo": "acme/site"}, "gpu"),
        ({"kind": "anything"}, "cpu"),
        ({"policy": "order"}, "cpu"),
    ],
)
def test_the_best_one_is_chosen(three: None, select: dict[str, Any], expected: str) -> None:
    job = send(select=select)
    assert (job.target, job.state, count_waiting()) == (expected, "queued", 0)


@pytest.mark.parametrize(
    ("select", "sentence"),
    [
        ({"labels": ["tpu"]}, "No gateway is there for the label tpu."),
        ({"labels": ["gpu", "arm"]}, "No gateway is there for the label arm."),
        ({"labels": ["gpu"], "kind": "test"}, "No one gateway is there for the label gpu and tasks of the kind test"),
        ({"colour": "blue"}, "select is not right: Object contains unknown field `colour`"),
        ({"labels": "gpu"}, "select is not right: Expected `array`"),
        ({"policy": "random"}, "select is not right: Invalid enum value 'random'"),
    ],
)
def test_what_is_missing_is_named(three: None, select: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence.replace("`", ".")):
        send(select=select)
    assert not Job.objects.exists()


def test_repositories_narrow_the_choice() -> None:
    target("a", allowed_repos=["acme/*"])
    assert send(select={"repo": "acme/site"}).target == "a"
    with pytest.raises(BadInput, match="No gateway is there for the repository other/site"):
        send(select={"repo": "other/site"})


def test_the_less_loaded_and_the_healthy_come_first() -> None:
    target("a", capacity=2)
    target("b", capacity=4)
    assert [send(select={}).target for _ in range(6)] == ["a", "b", "b", "a", "b", "b"]
    assert send(select={}).target == "a"  # all are full: the least so, and it waits there
    GatewayTarget.objects.filter(name="a").update(away_since="2026-01-01T00:00:00Z")
    assert send(select={}).target == "b"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"target": "nowhere"}, "There is no gateway named 'nowhere'"),
        ({"target": "off"}, "The gateway off is switched off"),
        ({"target": "gpu", "kind": "test"}, "takes no jobs of the kind test"),
        ({"target": "cpu", "select": {}}, "not both"),
        ({"target": "cpu", "kind": "no good"}, "A kind of job is named with"),
        ({"target": "cpu", "params": {"a": "\x00"}}, "NUL"),
        ({"target": "cpu", "params": {"a": "x" * 70_000}}, "at most"),
    ],
)
def test_a_named_gateway_has_to_fit(three: None, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        send(**options)


def test_without_gateways_it_says_so() -> None:
    with pytest.raises(BadInput, match="There is no gateway to send jobs to"):
        send(select={})


def test_only_operators_send_jobs_away(three: None) -> None:
    for actor in (CHARLIE, VIEWER):
        with pytest.raises(NotAllowed):
            send(actor=actor, target="cpu")
        with pytest.raises(NotAllowed):
            send(actor=actor, select={})
    assert send(actor=ALICE, target="cpu").target == "cpu"
    assert not Job.objects.exclude(owner=ALICE.subject).exists()


def test_a_kind_that_is_for_admins_here_is_for_admins_there(three: None) -> None:
    def run(ctx: JobContext) -> None: ...

    with local_kind(run, name="careful", role=Role.ADMIN):
        with pytest.raises(NotAllowed):
            send(kind="careful", target="cpu")
        assert send(kind="careful", target="cpu", actor=ALICE).target == "cpu"


def test_the_same_key_gives_the_same_job_even_when_it_has_moved(three: None) -> None:
    job = send(select={"repo": "acme/site"}, idempotency_key="k")
    Job.objects.filter(pk=job.pk).update(target="cpu")
    GatewayTarget.objects.all().delete()
    assert send(select={"repo": "acme/site"}, idempotency_key="k").pk == job.pk
    with pytest.raises(BadInput, match="was used for a job"):
        send(select={"repo": "acme/other"}, idempotency_key="k")


def test_where_it_goes_is_audited_and_shown(three: None) -> None:
    job = send(target="cpu")
    assert AuditEvent.objects.get(action="job.create").data == {"kind": "deploy", "target": "cpu"}
    assert jobs.describe(job)["target"] == "cpu"


def test_again_means_with_the_same_choice(three: None) -> None:
    named, selected = send(target="cpu"), send(select={"labels": ["gpu"]})
    assert jobs.run_again(named.key, actor=BOB).target == "cpu"
    again = jobs.run_again(selected.key, actor=BOB)
    assert (again.target, again.selection) == ("gpu", selected.selection)
