"""Runbooks with their steps, the same as YAML, and a page to start one with its parameters."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import StackedInline
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import SettingAdmin
from clawsite.admin.runbook_form import RunbookForm, StepForm, StepFormSet, parameter_form
from clawsite.admin.showing import text_block
from clawsite.core.errors import ClawError
from runbooks.books import start_run, to_book, write_book
from runbooks.books.spec import BookError
from runbooks.books.starting import book_of
from runbooks.models import Runbook, RunbookStep

PERMISSION = "runbooks.add_run"


class StepInline(StackedInline):
    """The steps, in the order of their positions."""

    model = RunbookStep
    form = StepForm
    formset = StepFormSet
    extra = 0
    ordering = ("position", "id")
    fieldsets = (
        (None, {"fields": ("title", ("position", "kind"), "settings")}),
        (
            gettext_lazy("Time, tries and failure"),
            {
                "fields": (("timeout", "retries", "pause"), ("repeatable", "on_failure", "host"), "rollback"),
                "classes": ("collapse",),
            },
        ),
    )

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Tell the forms who saves, because not everybody may have everything run."""
        made = super().get_formset(request, obj, **kwargs)
        made.actor = actor_of(request)
        return made


@admin.register(Runbook)
class RunbookAdmin(SettingAdmin):
    """Rows that people edit; `manage.py runbook import` writes the same."""

    form = RunbookForm
    inlines = (StepInline,)
    list_display = ("name", "title", "state", "role", "version", "changed_at")
    list_filter = ("enabled", "role")
    search_fields = ("name", "title")
    ordering = ("name",)
    readonly_fields = ("yaml", "version")
    change_form_outer_before_template = "admin/runbook_top.html"
    fieldsets = (
        (None, {"fields": (("name", "title"), "description", ("enabled", "role"))}),
        (
            gettext_lazy("What it is given and works on"),
            {"fields": ("target", "parameters", "labels", "rollback_on_cancel")},
        ),
        (gettext_lazy("As YAML"), {"fields": ("version", "yaml"), "classes": ("collapse",)}),
    )

    def subject_of(self, row: Any) -> str:
        """Name it as everybody does."""
        return str(row.ref)

    def get_fieldsets(self, request: HttpRequest, obj: Runbook | None = None) -> Any:
        """A new one has no YAML yet."""
        return self.fieldsets if obj is not None else self.fieldsets[:-1]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the steps too; a change makes another version."""
        super().save_related(request, form, formsets, change)
        row = form.instance
        if change and (form.has_changed() or any(each.has_changed() for each in formsets)):
            Runbook.objects.filter(pk=row.pk).update(version=F("version") + 1)
            row.refresh_from_db(fields=["version"])

    def get_urls(self) -> list[URLPattern]:
        """Add the page that starts one."""
        view = self.admin_site.admin_view(self.start)
        return [path("<int:pk>/run/", view, name="runbooks_runbook_run"), *super().get_urls()]

    def start(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for the parameters, and start it or show what it would do."""
        row = Runbook.objects.filter(pk=pk).first()
        if row is None:
            raise Http404
        if not request.user.has_perm(PERMISSION) or not self.has_view_permission(request, row):
            raise PermissionDenied
        try:
            form = parameter_form(book_of(row), request.POST if request.method == "POST" else None)
            if request.method == "POST" and form.is_valid():
                run = start_run(
                    row.name,
                    form.cleaned_data,
                    actor=actor_of(request),
                    dry_run="dry" in request.POST,
                    origin=origin_of(request),
                )
                return redirect(reverse("admin:runbooks_run_change", args=[run.pk]))
        except ClawError as error:
            messages.error(request, error.message)
            if request.method != "POST":
                return redirect(reverse("admin:runbooks_runbook_change", args=[pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": row.title,
            "opts": self.model._meta,
            "original": row,
            "form": form,
        }
        return TemplateResponse(request, "admin/runbook_run.html", context)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Tell the page whether this person may run it."""
        context["may_run"] = request.user.has_perm(PERMISSION)
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=gettext_lazy("state"), label={"on": "success", "off": ""})
    def state(self, row: Runbook) -> tuple[str, str]:
        """On or off."""
        return ("on", _("on")) if row.enabled else ("off", _("off"))

    @display(description=gettext_lazy("YAML"))
    def yaml(self, row: Runbook) -> SafeString | str:
        """The whole of it, as `runbook export` writes it."""
        try:
            return text_block(write_book(to_book(row)))
        except BookError as error:
            return error.message
