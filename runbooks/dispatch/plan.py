"""What the dispatcher reads when it looks: gateways, jobs that are sent, and where others wait to be."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils import timezone

from runbooks.models import GatewayTarget, Job
from runbooks.models.job import JobQuerySet

MOST_SENT = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A job that another gateway has, or may have."""

    pk: int
    target: str
    is_over: bool
    cancel_requested: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One look. `waiting` names the gateways for which jobs wait."""

    rows: list[GatewayTarget]
    sent: list[Sent]
    waiting: list[str]

    def find_row(self, name: str) -> GatewayTarget | None:
        """Return the gateway of this name."""
        return next((row for row in self.rows if row.name == name), None)


def has_work() -> bool:
    """Tell whether there is anything for a dispatcher."""
    return GatewayTarget.objects.exists() or _waiting().exists() or Job.objects.filter(remote_open=True).exists()


def make_plan() -> Plan:
    """Look at everything there is."""
    sent = Job.objects.filter(remote_open=True).order_by("target", "id")  # as the index has it: by id all would be read
    return Plan(
        rows=list(GatewayTarget.objects.all()),
        sent=[
            Sent(pk=job.pk, target=job.target, is_over=job.is_over, cancel_requested=job.cancel_requested)
            for job in sent.only("target", "state", "cancel_requested")[:MOST_SENT]
        ],
        waiting=list(_waiting().order_by().values_list("target", flat=True).distinct()),
    )


def next_waiting(name: str, *, room: int, without: Collection[int]) -> list[int]:
    """Return the jobs that are to be sent to a gateway next."""
    due = _waiting().filter(target=name, not_before__lte=timezone.now()).exclude(pk__in=without)
    return list(due.order_by("id").values_list("pk", flat=True)[: max(0, room)])


def _waiting() -> JobQuerySet:
    return Job.objects.elsewhere().filter(state=Job.State.QUEUED, remote_open=False)
