"""Schedules: a form that says what is wrong in a sentence, when they are due next, and what became of due times."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin, SettingAdmin
from clawsite.admin.buttons import button
from clawsite.admin.schedule_form import ScheduleForm
from clawsite.admin.showing import age, link, shorten, text_block
from runbooks.models import Schedule, ScheduleRun
from runbooks.schedules import BadTimes, delete_schedule, explain, preview, run_now, save_schedule

PERMISSION = "runbooks.change_schedule"
RUN_COLOURS = {"started": "success", "skipped": "warning", "failed": "danger"}


@admin.register(Schedule)
class ScheduleAdmin(SettingAdmin):
    """Rows that people edit; programs have cron.* for the same rows."""

    form = ScheduleForm
    list_display = ("name", "kind", "status", "words", "due", "problem")
    list_filter = ("enabled", "when")
    search_fields = ("name",)
    ordering = ("name",)
    readonly_fields = ("words", "upcoming", "problem", "owner")
    fieldsets = (
        (None, {"fields": ("name", "description", "enabled")}),
        (gettext_lazy("What"), {"fields": ("kind", "params")}),
        (gettext_lazy("When"), {"fields": ("when", "cron", "time_zone", "every_seconds", "at")}),
        (gettext_lazy("Missed times"), {"fields": ("missed", "late_minutes")}),
        (gettext_lazy("As it stands"), {"fields": ("words", "upcoming", "problem", "owner")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Schedule | None = None) -> Any:
        """A new one has nothing to show yet."""
        return self.fieldsets if obj is not None else self.fieldsets[:-1]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form who saves, because not everybody may have everything done."""
        made = super().get_form(request, obj, change=change, **kwargs)
        made.actor = actor_of(request)
        return made

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        """Save it through the action, which computes when it is due; the page writes the audit row."""
        save_schedule(obj, actor=actor_of(request), origin=origin_of(request), audited=False)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: Django would first list every run. The button deletes."""
        return False

    @display(description=gettext_lazy("state"), label={"on": "success", "off": "", "error": "danger"})
    def status(self, row: Schedule) -> tuple[str, str]:
        """On, off, or in trouble."""
        if row.error:
            return "error", _("error")
        return ("on", _("on")) if row.enabled else ("off", _("off"))

    @display(description=gettext_lazy("in words"))
    def words(self, row: Schedule) -> str:
        """When it is due, as the library of cron expressions puts it."""
        if row._state.adding:
            return "–"
        try:
            return explain(row)
        except BadTimes:
            return "–"

    @display(description=gettext_lazy("next"), ordering="next_due")
    def due(self, row: Schedule) -> str:
        """When it is due next."""
        return timezone.localtime(row.next_due).strftime("%Y-%m-%d %H:%M") if row.next_due else "–"

    @display(description=gettext_lazy("next times"))
    def upcoming(self, row: Schedule) -> SafeString | str:
        """The next due times, on the schedule's own clock."""
        if row._state.adding:
            return "–"
        try:
            times = preview(row, after=timezone.now())
        except BadTimes:
            return "–"
        return text_block("\n".join(f"{moment:%a %Y-%m-%d %H:%M:%S %Z}" for moment in times) or "–")

    @display(description=gettext_lazy("problem"))
    def problem(self, row: Schedule) -> str:
        """Why the last due time could not be dealt with."""
        return shorten(row.error, 200) or "–"

    @button(gettext_lazy("Run now"), permission=PERMISSION, style="primary", in_list=True)
    def run(self, request: HttpRequest, row: Schedule) -> str:
        """Start its job, whenever it is due."""
        job = run_now(row, actor=actor_of(request), origin=origin_of(request))
        return _("The job was started: %(job)s") % {"job": job.key[:8]}

    @button(
        gettext_lazy("Delete the schedule"),
        permission="runbooks.delete_schedule",
        style="danger",
        confirm=gettext_lazy("The schedule and the list of its runs will be removed. The jobs it started stay."),
    )
    def remove(self, request: HttpRequest, row: Schedule) -> str:
        """Remove it."""
        delete_schedule(row, actor=actor_of(request), origin=origin_of(request))
        row.pk = None
        return _("The schedule was removed.")


@admin.register(ScheduleRun)
class ScheduleRunAdmin(RecordAdmin):
    """What became of due times, newest first."""

    list_display = ("id", "schedule", "due_at", "status", "started", "run_job", "problem")
    list_filter = ("outcome", "by_hand")
    list_select_related = ("schedule", "job")
    search_fields = ("schedule__name__startswith",)
    fieldsets = ((None, {"fields": ("schedule", "due_at", "at", "outcome", "run_job", "error", "by_hand")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScheduleRun]:
        """Leave the large columns of jobs in the database."""
        rows: QuerySet[ScheduleRun] = super().get_queryset(request)
        return rows.select_related("schedule", "job").defer("job__params", "job__result", "job__saved")

    @display(description=gettext_lazy("outcome"), label=RUN_COLOURS)
    def status(self, row: ScheduleRun) -> tuple[str, str]:
        """What was done."""
        return row.outcome, row.get_outcome_display()

    @display(description=gettext_lazy("age"))
    def started(self, row: ScheduleRun) -> str:
        """How long ago it was dealt with."""
        return age(row.at)

    @display(description=gettext_lazy("job"))
    def run_job(self, row: ScheduleRun) -> SafeString | str:
        """The way to the job."""
        return link(row.job, row.job.key[:8] if row.job else "")

    @display(description=gettext_lazy("problem"))
    def problem(self, row: ScheduleRun) -> str:
        """Why nothing was started."""
        return shorten(row.error, 80)
