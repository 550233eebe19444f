"""The forms of a runbook and its steps: what is no plain field is YAML, and a mistake is said with step and line.

The whole runbook is checked as it would be saved, so the pages accept exactly what `runbook import` accepts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.forms.models import BaseInlineFormSet
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from clawsite.core.errors import ClawError
from guardrails.types import Actor, Role
from runbooks.books.documents import read_yaml, write_yaml
from runbooks.books.spec import Book, BookError
from runbooks.books.store import check_saved, to_book
from runbooks.models import Runbook, RunbookStep

if TYPE_CHECKING:
    _RunbookForm = forms.ModelForm[Runbook]
    _StepForm = forms.ModelForm[RunbookStep]
    _StepFormSet = BaseInlineFormSet[RunbookStep, Runbook, forms.ModelForm[RunbookStep]]
else:
    _RunbookForm = _StepForm = forms.ModelForm
    _StepFormSet = BaseInlineFormSet

NOBODY = Actor(subject="", role=Role.STRANGER)


class YamlField(forms.CharField):
    """JSON that people read and write as YAML."""

    def __init__(self, *, empty: Any = None, kind: type = dict, rows: int = 4, **options: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": rows, "class": "claw-wide claw-mono", "spellcheck": "false"})
        super().__init__(required=False, strip=False, widget=widget, **options)
        self._empty, self._kind = empty, kind

    def prepare_value(self, value: Any) -> Any:
        """Show a stored value as YAML; what was typed stays as it was typed."""
        return value if isinstance(value, str) else write_yaml(value)

    def to_python(self, value: Any) -> Any:
        """Read what was typed."""
        try:
            found = read_yaml(str(value or ""))
        except ClawError as error:
            raise forms.ValidationError(error.message) from None
        if found is None:
            return self._empty() if callable(self._empty) else self._empty
        if not isinstance(found, self._kind):
            raise forms.ValidationError(_("Write name: value.") if self._kind is dict else _("Write a list: - one."))
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare what is meant and not how it is written."""
        try:
            return bool(
                self.to_python(data) != (self._empty() if initial is None and callable(self._empty) else initial)
            )
        except forms.ValidationError:
            return True


class RunbookForm(_RunbookForm):
    """The runbook itself."""

    labels = YamlField(
        empty=dict, label=_("Labels"), help_text=_("It fits alerts that have all of these, such as service: api.")
    )
    parameters = YamlField(
        empty=list,
        kind=list,
        rows=8,
        label=_("Parameters"),
        help_text=_("A list of name, type (string, integer, number, boolean, choice), title, default or required."),
    )

    class Meta:
        """What may be edited."""

        model = Runbook
        fields = (
            "name",
            "title",
            "description",
            "enabled",
            "role",
            "target",
            "labels",
            "rollback_on_cancel",
            "parameters",
        )
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}


class StepForm(_StepForm):
    """One step."""

    settings = YamlField(empty=dict, rows=8, label=_("What it does"), help_text=_("As under `with:` in YAML."))
    rollback = YamlField(rows=4, label=_("Rollback"), help_text=_("A step that undoes this one: title, kind, with."))
    host = forms.CharField(
        label=_("Programs on the host"),
        required=False,
        help_text=_("Outside of the sandbox, such as docker, redis-cli. Only admins change this."),
        widget=UnfoldAdminTextInputWidget(),
    )

    class Meta:
        """What may be edited."""

        model = RunbookStep
        fields = (
            "position", "title", "kind", "settings", "timeout", "retries", "pause", "repeatable", "on_failure", "host",
            "rollback",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["host"] = ", ".join(self.instance.host or [])

    def clean_host(self) -> list[str]:
        """Return the names as a list."""
        return [name.strip() for name in str(self.cleaned_data["host"]).split(",") if name.strip()]


class StepFormSet(_StepFormSet):
    """All steps of a runbook, checked together with it. `actor` is who saves; the page sets it."""

    actor: ClassVar[Actor] = NOBODY

    def clean(self) -> None:
        """Refuse a runbook that makes no sense, and what only an admin may have run."""
        super().clean()
        if any(self.errors) or not self.instance.name:
            return
        kept = [form.instance for form in self.forms if form.has_changed() or form.instance.pk]
        gone = {id(form.instance) for form in self.deleted_forms}
        steps = sorted((row for row in kept if id(row) not in gone), key=lambda row: row.position)
        try:
            check_saved(self.instance, steps, _before(self.instance), actor=self.actor)
        except ClawError as error:
            raise forms.ValidationError(error.message) from None


def _before(row: Runbook) -> Book | None:
    """Return the runbook as it is stored now, None when it is new or broken."""
    stored = Runbook.objects.filter(pk=row.pk).first() if row.pk else None
    try:
        return to_book(stored) if stored is not None else None
    except BookError:
        return None


def parameter_form(book: Book, data: Any = None) -> forms.Form:
    """Return a form with a field for each parameter of a runbook; the values are checked where it is started."""
    fields: dict[str, forms.Field] = {
        each.name: forms.CharField(
            label=each.title or each.name,
            initial="" if each.default is None else str(each.default),
            required=each.default is None,
            help_text=", ".join(each.choices) or each.type,
            widget=UnfoldAdminTextInputWidget(),
        )
        for each in book.parameters
    }
    made: forms.Form = type("ParameterForm", (forms.Form,), fields)(data)
    return made
