"""Jobs: what runs, waits and ran; the page of one shows its events as they come."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.filters import name_filter
from clawsite.admin.showing import age, pretty_json, shorten
from clawsite.core.errors import BadInput
from runbooks import jobs
from runbooks.models import Job, JobEvent

PERMISSION = "runbooks.change_job"
COLOURS = {
    "created": "",
    "queued": "info",
    "running": "info",
    "waiting_approval": "warning",
    "succeeded": "success",
    "failed": "danger",
    "cancelled": "",
    "timed_out": "danger",
}
SHOWN_EVENTS = 200
SHOWN_CHARS = 2000


def job_kinds() -> list[str]:
    """Return the kinds there are, by name."""
    return [kind.name for kind in jobs.list_kinds()]


@admin.register(Job)
class JobAdmin(RecordAdmin):
    """Records, newest first."""

    list_display = ("short", "kind", "status", "owner", "born", "took", "last_seq", "problem")
    list_filter = ("state", name_filter("kind", title=gettext_lazy("kind"), names=job_kinds))
    search_fields = ("key__startswith", "owner__exact", "requested_by__exact")
    fieldsets = (
        (None, {"fields": ("kind", "state", "error", "requested_by", "owner", "session")}),
        (gettext_lazy("Time"), {"fields": (("created_at", "started_at", "ended_at"), ("not_before", "deadline"))}),
        (gettext_lazy("Parameters and result"), {"fields": ("given", "outcome")}),
        (
            gettext_lazy("Details"),
            {
                "fields": ("key", "idempotency_key", "attempts", "may_resume", "kept", "target", "remote_id"),
                "classes": ("collapse",),
            },
        ),
    )
    change_form_after_template = "admin/job_events.html"

    class Media:
        """Shows new events."""

        js = ("clawadmin/job.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """A list needs none of the large columns; the page of one job loads what it shows."""
        rows: QuerySet[Job] = super().get_queryset(request).defer("params", "result", "saved")
        return rows

    def get_urls(self) -> list[URLPattern]:
        """Add the address that tells new events."""
        view = self.admin_site.admin_view(self.events)
        return [path("<int:pk>/events/", view, name="runbooks_job_events"), *super().get_urls()]

    def events(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Answer with the job's state and the events after a number."""
        job = Job.objects.defer("params", "result", "saved").filter(pk=pk).first()
        if job is None or not self.has_view_permission(request, job):
            raise Http404
        after = request.GET.get("after", "")
        number = int(after) if after.isdecimal() and len(after) < 10 else 0
        found = [show_event(event) for event in jobs.read_events(job, number, SHOWN_EVENTS)]
        return JsonResponse({"state": job.get_state_display(), "over": job.is_over, "events": found})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Give the page the last events and the address of those to come."""
        job = kwargs.get("obj")
        if job is not None:
            shown = jobs.read_events(job, max(0, job.last_seq - SHOWN_EVENTS), SHOWN_EVENTS)
            context["job_events"] = [show_event(event) for event in shown]
            context["job_last"] = shown[-1].seq if shown else 0
            context["job_url"] = reverse("admin:runbooks_job_events", args=[job.pk])
            context |= {"job_over": job.is_over, "job_state": job.get_state_display()}
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=gettext_lazy("job"))
    def short(self, row: Job) -> str:
        """The beginning of its id."""
        return row.key[:8]

    @display(description=gettext_lazy("state"), label=COLOURS)
    def status(self, row: Job) -> tuple[str, str]:
        """Where it stands."""
        return row.state, row.get_state_display()

    @display(description=gettext_lazy("age"))
    def born(self, row: Job) -> str:
        """How long ago it was created."""
        return age(row.created_at)

    @display(description=gettext_lazy("took"))
    def took(self, row: Job) -> str:
        """How long it ran, once it is over."""
        if row.started_at is None or row.ended_at is None:
            return "–"
        return f"{(row.ended_at - row.started_at).total_seconds():.1f} s"

    @display(description=gettext_lazy("problem"))
    def problem(self, row: Job) -> str:
        """Why it did not succeed."""
        return shorten(row.error, 60)

    @display(description=gettext_lazy("parameters"))
    def given(self, row: Job) -> SafeString:
        """What it was given."""
        return pretty_json(row.params)

    @display(description=gettext_lazy("result"))
    def outcome(self, row: Job) -> SafeString:
        """What it came to."""
        return pretty_json(row.result)

    @display(description=gettext_lazy("saved"))
    def kept(self, row: Job) -> SafeString:
        """What it keeps to go on."""
        return pretty_json(row.saved)

    @button(
        gettext_lazy("Cancel the job"),
        permission=PERMISSION,
        style="danger",
        shown=lambda row: not row.is_over,
        in_list=True,
        list_label=gettext_lazy("Cancel"),
    )
    def cancel(self, request: HttpRequest, row: Job) -> str:
        """End it, or ask it to stop."""
        if row.is_over:
            raise BadInput(_("The job is over."))
        job = jobs.cancel_job(row.key, actor=actor_of(request), origin=origin_of(request))
        return _("The job was cancelled.") if job.is_over else _("The job was asked to stop.")

    @button(gettext_lazy("Start"), permission=PERMISSION, style="primary", shown=lambda row: row.state == "created")
    def start(self, request: HttpRequest, row: Job) -> str:
        """Start what was only created."""
        jobs.start_job(row.key, actor=actor_of(request), origin=origin_of(request))
        return _("The job was started.")

    @button(gettext_lazy("Run again"), permission=PERMISSION, shown=lambda row: row.is_over)
    def again(self, request: HttpRequest, row: Job) -> str:
        """Start another one like it."""
        job = jobs.run_again(row.key, actor=actor_of(request), origin=origin_of(request))
        return _("Another job was started: %(job)s") % {"job": job.key[:8]}


def show_event(event: JobEvent) -> dict[str, Any]:
    """Return an event as the page shows it; the browser gets text, never markup."""
    step = ""
    if event.kind == "output":
        text = str(event.data.get("text", ""))[:SHOWN_CHARS].rstrip("\n")
    elif event.kind == "step":
        text = step_text(event.data)
        step = f"{event.data.get('part')}-{event.data.get('number')}"
    else:
        text = shorten(str(pretty_text(event.data)), SHOWN_CHARS)
    row = {"seq": event.seq, "at": event.at.isoformat(timespec="milliseconds"), "kind": event.kind, "text": text}
    return row | ({"step": step, "state": str(event.data.get("state", ""))} if step else {})


def step_text(data: dict[str, Any]) -> str:
    """Return what became of a runbook's step as one line."""
    took = f" ({data.get('seconds', 0):g} s)" if data.get("state") in ("ok", "failed") else ""
    note = f": {data['note']}" if data.get("note") else ""
    return f"[{data.get('number')}/{data.get('of')}] {data.get('title')} ... {data.get('state')}{took}{note}"


def pretty_text(data: Any) -> str:
    """Return an event's data as one line: its text alone when that is all it has."""
    if isinstance(data, dict) and set(data) == {"text"}:
        return str(data["text"])
    pairs = data.items() if isinstance(data, dict) else [("", data)]
    return "  ".join(f"{name}: {value}" if name else str(value) for name, value in pairs)
