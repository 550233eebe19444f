"""Anomalies: what was unusual in which series, how far from the usual, and whether it goes on."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.showing import State, age, pairs, shorten
from runbooks.models import Anomaly

KIND_COLOURS = {"drop": "warning", "spike": "warning", "flat": "info", "missing": "danger"}


@admin.register(Anomaly)
class AnomalyAdmin(RecordAdmin):
    """Records, newest first. The watch over the queries writes them."""

    list_display = ("began", "what", "system", "label", "status", "score", "now_and_usual", "duration")
    list_filter = ("state", "kind", "system")
    list_select_related = ("system",)
    search_fields = ("query__startswith", "title__startswith")
    ordering = ("-started_at",)
    fieldsets = (
        (None, {"fields": ("system", "what", "query", "series_labels", "label", "status")}),
        (gettext_lazy("Values"), {"fields": (("value", "expected", "unit"), ("robust", "zscore"))}),
        (gettext_lazy("Time"), {"fields": (("started_at", "seen_at", "ended_at"), "duration")}),
    )

    @display(description=gettext_lazy("age"), ordering="started_at")
    def began(self, row: Anomaly) -> str:
        """How long ago it began."""
        return age(row.started_at)

    @display(description=gettext_lazy("metric"))
    def what(self, row: Anomaly) -> str:
        """What people call the query."""
        return shorten(row.title)

    @display(description=gettext_lazy("kind"), label=KIND_COLOURS)
    def label(self, row: Anomaly) -> State:
        """What is unusual."""
        words = {"drop": _("drop"), "spike": _("spike"), "flat": _("stands still"), "missing": _("no data")}
        return State(row.kind, words[row.kind])

    @display(description=gettext_lazy("state"), label={"open": "warning", "resolved": "success"})
    def status(self, row: Anomaly) -> State:
        """Whether it goes on."""
        return State(row.state, _("open") if row.state == Anomaly.State.OPEN else _("resolved"))

    @display(description=gettext_lazy("robust score"))
    def score(self, row: Anomaly) -> str:
        """How far from the usual, by the median."""
        return f"{row.robust:.1f}" if row.robust else "–"

    @display(description=gettext_lazy("value (usual)"))
    def now_and_usual(self, row: Anomaly) -> str:
        """The most unusual value, and what was usual then."""
        return f"{row.value:.6g} ({row.expected:.6g})" if row.kind != Anomaly.Kind.MISSING else "–"

    @display(description=gettext_lazy("duration"))
    def duration(self, row: Anomaly) -> str:
        """How long it was there."""
        return timesince(row.started_at, row.ended_at or timezone.now(), depth=1)

    @display(description=gettext_lazy("labels"))
    def series_labels(self, row: Anomaly) -> SafeString:
        """Which of the query's series."""
        return pairs(row.labels)
