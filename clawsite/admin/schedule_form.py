"""The form of a schedule: every problem stands at its field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from guardrails.types import Actor, Role
from runbooks.jobs import list_kinds
from runbooks.models import Schedule
from runbooks.schedules import find_problems

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Schedule]
else:
    _ModelForm = forms.ModelForm


class ScheduleForm(_ModelForm):
    """What is done, and when. `actor` is who saves; the page sets it."""

    actor: ClassVar[Actor] = Actor(subject="", role=Role.STRANGER)

    params = forms.JSONField(
        label=_("Parameters"),
        required=False,
        help_text=_("A JSON object. What is left out has its default."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "class": "claw-wide claw-mono"}),
        initial=dict,
    )

    class Meta:
        """What may be edited."""

        model = Schedule
        fields = (
            "name", "description", "enabled", "kind", "params", "when", "cron", "time_zone", "every_seconds", "at",
            "missed", "late_minutes",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            names = [kind.name for kind in list_kinds()]
            known = [*names, *([self.instance.kind] if self.instance.kind not in ("", *names) else [])]
            choices = [(name, name) for name in known]
            self.fields["kind"] = forms.ChoiceField(label=_("Kind"), choices=choices, widget=UnfoldAdminSelectWidget())
        hints = {
            "cron": _("Minute, hour, day, month, weekday: 30 6 * * 1-5 is half past six from Monday to Friday."),
            "time_zone": _("Such as America/Sao_Paulo. Empty: the one of the environment."),
            "every_seconds": _("For a fixed interval."),
            "at": _("For a single time; for an interval, the moment from which it counts."),
            "late_minutes": _("How late a missed time is still run."),
        }
        for name, hint in hints.items():
            if name in self.fields:
                self.fields[name].help_text = hint

    def clean_params(self) -> dict[str, Any]:
        """Nothing is no parameters."""
        return self.cleaned_data["params"] or {}

    def _post_clean(self) -> None:
        """Check the row as a whole once its fields are read."""
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        if self.instance._state.adding:
            self.instance.owner = self.actor.subject
        for name, text in find_problems(self.instance, actor=self.actor, now=timezone.now()).items():
            self.add_error(name if name in self.fields else None, text)
