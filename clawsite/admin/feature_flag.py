"""Features that can be switched, for everybody, for some people, for some channels or for a share of the people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from clawsite.admin.base import AdminsOnly, SettingAdmin
from clawsite.admin.showing import State
from clawsite.core import flags
from clawsite.core.features import FEATURES
from clawsite.core.models import FeatureFlag

COLOURS = {"on": "success", "off": "danger", "some": "info"}
LISTS = ("people_on", "people_off", "channels_on", "channels_off")

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[FeatureFlag]
else:
    _ModelForm = forms.ModelForm


def _lines(label: Any, help_text: Any) -> forms.CharField:
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})
    return forms.CharField(label=label, help_text=help_text, required=False, widget=widget, max_length=100_000)


class FeatureForm(_ModelForm):
    """Lists as lines of text."""

    people_on_lines = _lines(gettext_lazy("On for"), gettext_lazy("People, one a line, such as user:3 or contact:7."))
    people_off_lines = _lines(
        gettext_lazy("Off for"), gettext_lazy("People, one a line. They take precedence over channels.")
    )
    channels_on_lines = _lines(gettext_lazy("On in"), gettext_lazy("Names of channels, one a line."))
    channels_off_lines = _lines(gettext_lazy("Off in"), gettext_lazy("Names of channels, one a line."))

    class Meta:
        """Fields that are columns as they are."""

        model = FeatureFlag
        fields = ("everyone", "percent", "note")
        labels = {
            "everyone": gettext_lazy("For everyone"),
            "percent": gettext_lazy("Share"),
            "note": gettext_lazy("Note"),
        }
        help_texts = {
            "everyone": gettext_lazy("Yes or no decides for all. Unknown leaves it to what follows."),
            "percent": gettext_lazy("Percent of the people, always the same ones; the others do not have it."),
            "note": gettext_lazy("Why it is set this way."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in LISTS:
            self.initial[f"{name}_lines"] = "\n".join(getattr(self.instance, name))

    def clean(self) -> dict[str, Any]:
        """Put the lists on the row, where the model checks them; nothing may be on and off at once."""
        data = super().clean() or self.cleaned_data
        for name in LISTS:
            lines = (line.strip() for line in str(data.get(f"{name}_lines", "")).splitlines())
            setattr(self.instance, name, list(dict.fromkeys(line for line in lines if line)))
        for what in ("people", "channels"):
            on, off = (set(getattr(self.instance, f"{what}_{state}")) for state in ("on", "off"))
            if both := ", ".join(sorted(on & off)):
                self.add_error(f"{what}_off_lines", _("Both on and off: %(names)s.") % {"names": both})
        return data

    def add_error(self, field: str | None, error: Any) -> None:
        """Show what the model says of a list at the field where it is entered."""
        if isinstance(error, forms.ValidationError) and hasattr(error, "error_dict"):
            places = {name: f"{name}_lines" for name in LISTS}
            error = forms.ValidationError({places.get(name, name): said for name, said in error.error_dict.items()})
        super().add_error(field, error)


@admin.register(FeatureFlag)
class FeatureFlagAdmin(AdminsOnly, SettingAdmin):
    """There is a row for each feature of the catalogue; admins decide whom it is for."""

    form = FeatureForm
    audit_name = "feature"
    list_display = ("title", "state", "meaning", "modified")
    search_fields = ("name", "note")
    ordering = ("name",)
    readonly_fields = ("title", "meaning", *LISTS)

    def get_fieldsets(self, request: HttpRequest, obj: FeatureFlag | None = None) -> Any:
        """Return the lists as lines to those who may change them, as they are stored to others."""
        end = "_lines" if self.has_change_permission(request, obj) else ""
        people, channels = (tuple(f"{what}_{state}{end}" for state in ("on", "off")) for what in ("people", "channels"))
        return [
            (None, {"fields": ("title", "meaning", "everyone")}),
            (gettext_lazy("People"), {"fields": people}),
            (gettext_lazy("Channels"), {"fields": channels}),
            (gettext_lazy("Everybody else"), {"fields": ("percent", "note")}),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: the catalogue says which there are."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[FeatureFlag]:
        """Show those that this version knows, made where one is new."""
        flags.ensure_rows()
        rows: QuerySet[FeatureFlag] = super().get_queryset(request).filter(name__in=FEATURES)
        return rows

    def save_model(self, request: HttpRequest, obj: FeatureFlag, form: Any, change: bool) -> None:
        """Store the flag and have every process read it."""
        super().save_model(request, obj, form, change)
        flags.tell_all()

    @display(description=gettext_lazy("feature"), ordering="name")
    def title(self, row: FeatureFlag) -> str | Promise:
        """What it is called."""
        return FEATURES[row.name].title

    @display(description=gettext_lazy("what it does"))
    def meaning(self, row: FeatureFlag) -> str | Promise:
        """What it does, and what is without it."""
        return FEATURES[row.name].help

    @display(description=gettext_lazy("state"), label=COLOURS)
    def state(self, row: FeatureFlag) -> State:
        """On, off, or for some."""
        lists = any(getattr(row, name) for name in LISTS)
        if row.everyone is None and (lists or row.percent is not None):
            return State("some", _("for some"))
        on = FEATURES[row.name].default if row.everyone is None else row.everyone
        return State("on", _("on")) if on else State("off", _("off"))
