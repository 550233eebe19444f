"""The two kinds of admin page: records, which nobody changes, and settings, whose changes are audited.

Django's own log of changes is not used: what was done in the admin is an AuditEvent like what was done anywhere else,
with the names of the changed fields and never their values.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.buttons import ButtonAdmin
from clawsite.admin.navigation import name_of
from clawsite.admin.paging import PER_PAGE, CappedPaginator
from clawsite.core import audit
from clawsite.core.models import AuditEvent

SHOWN_CHANGES = 10


class AuditedAdmin(ButtonAdmin):
    """What every page has: bounded pages, an audit row for each change, and the last of them below the form."""

    list_per_page = PER_PAGE
    list_max_show_all = PER_PAGE
    show_full_result_count = False
    paginator = CappedPaginator
    compressed_fields = True
    warn_unsaved_form = True
    change_form_outer_after_template: str | None = "admin/changes.html"
    audit_name: ClassVar[str] = ""

    @property
    def _noun(self) -> str:
        return self.audit_name or str(self.model._meta.model_name)

    def subject_of(self, row: Model) -> str:
        """Return the string by which the audit log names a row."""
        return f"{self._noun}:{row.pk}"

    def record(self, request: HttpRequest, row: Model, what: str, **data: Any) -> None:
        """Add one audit row about a row of this page."""
        actor = actor_of(request).subject
        audit.record(
            f"{self._noun}.{what}", actor=actor, subject=self.subject_of(row), origin=origin_of(request), **data
        )

    def construct_change_message(
        self, request: HttpRequest, form: ModelForm[Any], formsets: Any, add: bool = False
    ) -> Any:
        """Return the names of the fields that were changed, and of the lists below them."""
        lists = [each.get_default_prefix() for each in formsets or () if each.has_changed()]
        return [*sorted({name.removeprefix("new_") for name in form.changed_data}), *lists]

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Audit a new row."""
        self.record(request, obj, "create", fields=message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Audit a change; saving without one is none."""
        if message:
            self.record(request, obj, "change", fields=message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Audit what is about to be deleted."""
        for row in queryset:
            self.record(request, row, "delete", name=str(row)[:100])

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Do what was chosen for several rows in one transaction: Django deletes one row in one, several in none."""
        with transaction.atomic():
            return super().response_action(request, queryset)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The history of a row is in the audit log."""
        return redirect(f"{reverse('admin:core_auditevent_changelist')}?q={self._noun}:{object_id}")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Call the list what the sidebar calls it: names of models are not translated."""
        return super().changelist_view(request, {"title": name_of(self.model)} | (extra_context or {}))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Give the page its list's name, and the latest changes of its row to those who may read the audit log."""
        row = kwargs.get("obj")
        context["title"] = name_of(self.model)
        if row is not None and request.user.has_perm("core.view_auditevent"):
            context["changes"] = self._changes(row)
        return super().render_change_form(request, context, *args, **kwargs)

    def _changes(self, row: Model) -> list[AuditEvent]:
        """Return the last changes; the names of the actions make it a look into an index."""
        verbs = (
            "create",
            "change",
            "update",
            "approve",
            "deny",
            "block",
            "role",
            "link",
            "reset",
            "allow",
            "forbid",
            "revoke",
            "rotate",
            "second_factor_on",
            "second_factor_off",
            "unlock",
        )
        actions = [f"{self._noun}.{verb}" for verb in verbs]
        rows = AuditEvent.objects.filter(action__in=actions, subject=self.subject_of(row))
        return list(rows.order_by("-id")[:SHOWN_CHANGES])


class SettingAdmin(AuditedAdmin):
    """Rows that people edit."""


class ActionAdmin(SettingAdmin):
    """Rows that people edit through actions, which write the audit rows: see `save_model` and `delete_model`."""

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Remove several, each through the action."""
        for row in queryset:
            self.delete_model(request, row)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """The action has written its own audit row."""

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """The action has written its own audit row."""

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """The action writes its own audit row."""


class AdminsOnly:
    """Only superusers change such rows; other staff may look where they have the right. First among the bases."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only an admin adds."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only an admin changes."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only an admin removes."""
        return bool(request.user.is_superuser)


class RecordAdmin(AuditedAdmin):
    """Rows that say what happened: to be read, never added, changed or deleted by hand."""

    actions = None
    sortable_by = ()
    ordering = ("-id",)
    change_form_outer_after_template = None
    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Everything that is shown, so that a page may show what is no field."""
        shown = [name for _, options in self.fieldsets or () for each in options["fields"] for name in _flat(each)]
        return [*self.readonly_fields, *shown]

    def _changes(self, row: Model) -> list[AuditEvent]:
        return []


def _flat(each: Any) -> tuple[str, ...]:
    return tuple(each) if isinstance(each, (list, tuple)) else (str(each),)
