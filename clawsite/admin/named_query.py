"""Queries that people ask for in words: each with its expression, its names, and a button that tries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from clawsite.admin.base import AdminsOnly, SettingAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import State, age
from runbooks.models import NamedQuery
from runbooks.sources.probe import probe_query

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[NamedQuery]
else:
    _ModelForm = forms.ModelForm

PERMISSION = "runbooks.change_namedquery"
WATCH_COLOURS = {"on": "success", "problem": "danger", "new": "info", "off": ""}


class NamedQueryForm(_ModelForm):
    """Names as lines of text."""

    word_lines = forms.CharField(
        label=gettext_lazy("Names"),
        help_text=gettext_lazy("What people call it, in any language, one name a line."),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        max_length=10_000,
    )

    class Meta:
        """Fields that are columns as they are."""

        model = NamedQuery
        fields = ("system", "name", "title", "promql", "unit", "watched", "briefing")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "promql" in self.fields:
            self.fields["promql"].widget = UnfoldAdminTextareaWidget(attrs={"rows": 4, "class": "claw-wide claw-mono"})
        words = self.instance.words if isinstance(self.instance.words, list) else []
        self.initial["word_lines"] = "\n".join(str(word) for word in words)

    def clean(self) -> dict[str, Any]:
        """Put the names on the row, where the model checks them."""
        data = super().clean() or self.cleaned_data
        lines = (line.strip() for line in str(data.get("word_lines", "")).splitlines())
        self.instance.words = list(dict.fromkeys(line for line in lines if line))
        return data

    def add_error(self, field: str | None, error: Any) -> None:
        """Show what the model says of the names at the field where they are entered."""
        if isinstance(error, forms.ValidationError) and hasattr(error, "error_dict"):
            places = {"words": "word_lines"}
            error = forms.ValidationError({places.get(name, name): said for name, said in error.error_dict.items()})
        super().add_error(field, error)


@admin.register(NamedQuery)
class NamedQueryAdmin(AdminsOnly, SettingAdmin):
    """Only admins change them: an expression may cost Prometheus a lot."""

    form = NamedQueryForm
    list_display = ("name", "title", "system", "unit", "watch_state", "briefing")
    list_filter = ("system", "watched")
    list_select_related = ("system", "watch")
    search_fields = ("name", "title", "promql")
    ordering = ("system__name", "name")
    readonly_fields = ("watch_report",)

    def get_fieldsets(self, request: HttpRequest, obj: NamedQuery | None = None) -> Any:
        """Return the fields to fill in; who may only look sees the names as they are stored."""
        words = "word_lines" if obj is None or self.has_change_permission(request, obj) else "words"
        use = ("watched", "briefing") if obj is None else ("watched", "watch_report", "briefing")
        return [
            (None, {"fields": ("system", "name", "title", words)}),
            (gettext_lazy("Expression"), {"fields": ("promql", "unit")}),
            (gettext_lazy("Where it is used"), {"fields": use}),
        ]

    @display(description=gettext_lazy("watch"), label=WATCH_COLOURS)
    def watch_state(self, row: NamedQuery) -> State:
        """Whether it is watched for anomalies, and whether that goes well."""
        watch = getattr(row, "watch", None)
        if not row.watched:
            return State("off", _("off"))
        if watch is not None and watch.error:
            return State("problem", _("problem"))
        return State("on", _("on")) if watch is not None and watch.looked_at else State("new", _("not looked at yet"))

    @display(description=gettext_lazy("watch"))
    def watch_report(self, row: NamedQuery) -> str:
        """When it was last looked at, and what stands in the way."""
        watch = getattr(row, "watch", None)
        if watch is None or not row.watched:
            return "–"
        return " ".join([_("Last look: %(age)s.") % {"age": age(watch.looked_at)}, watch.error]).strip()

    @button(gettext_lazy("Try it"), permission=PERMISSION, style="primary")
    def attempt(self, request: HttpRequest, row: NamedQuery) -> str:
        """Ask Prometheus for the values now."""
        return probe_query(row.system, row.promql)
