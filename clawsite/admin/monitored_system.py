"""Systems that are watched: where they are, what they said last, and a button that asks everything now."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import ActionAdmin, AdminsOnly
from clawsite.admin.buttons import button
from clawsite.admin.monitored_system_form import SECRETS, MonitoredSystemForm
from clawsite.admin.showing import State, age, pairs
from clawsite.core.crypto import LostSecret
from runbooks.models import Anomaly, MonitoredSystem, SystemReading
from runbooks.sources.actions import remove_system, save_system
from runbooks.sources.credentials import services_in
from runbooks.sources.probe import probe_system

PERMISSION = "runbooks.change_monitoredsystem"
STATES = {
    "up": gettext_lazy("answers"),
    "silent": gettext_lazy("does not answer"),
    "off": gettext_lazy("off"),
    "unknown": gettext_lazy("not asked yet"),
}
ADDRESSES = ("health_url", "stats_url", "prometheus_url", "alertmanager_url")


@admin.register(MonitoredSystem)
class MonitoredSystemAdmin(AdminsOnly, ActionAdmin):
    """Only admins change them, because an address here is asked from inside of our network."""

    form = MonitoredSystemForm
    list_display = ("name", "title", "state", "prometheus_url", "alertmanager_url")
    search_fields = ("name", "title")
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[MonitoredSystem]:
        """Leave credentials in the database: the pages show none."""
        rows: QuerySet[MonitoredSystem] = super().get_queryset(request).defer("credentials")
        return rows.prefetch_related("readings")

    def get_fieldsets(self, request: HttpRequest, obj: MonitoredSystem | None = None) -> Any:
        """Return the fields to fill in; who may only look sees for what there are credentials."""
        may = self.has_change_permission(request, obj) if obj else True
        sets = [
            (None, {"fields": ("name", "title", "enabled", "label_lines" if may else "labels")}),
            (gettext_lazy("Addresses"), {"fields": ADDRESSES}),
            (
                gettext_lazy("Credentials"),
                {"fields": (*SECRETS, "stored") if may and obj else SECRETS if may else ("stored",)},
            ),
        ]
        return sets if obj is None else [*sets, (gettext_lazy("What it said last"), {"fields": ("state", "told")})]

    def get_readonly_fields(self, request: HttpRequest, obj: MonitoredSystem | None = None) -> Any:
        """What was read, and the name of a known one."""
        shown = ("state", "told", "stored")
        return shown if obj is None else ("name", *shown)

    def save_model(self, request: HttpRequest, obj: MonitoredSystem, form: Any, change: bool) -> None:
        """Store the row through the action."""
        save_system(obj, actor=actor_of(request), fields=form.changed_columns(), origin=origin_of(request))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say what goes along. Nobody deletes an anomaly by itself; with its system it goes."""
        shown, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return shown, counts, lacking - {Anomaly._meta.verbose_name}, protected

    def delete_model(self, request: HttpRequest, obj: MonitoredSystem) -> None:
        """Remove the row through the action."""
        remove_system(obj, actor=actor_of(request), origin=origin_of(request))

    @display(
        description=gettext_lazy("state"), label={"up": "success", "silent": "danger", "off": "", "unknown": "warning"}
    )
    def state(self, row: MonitoredSystem) -> State:
        """Whether all of its sources answer."""
        value = _state(row)
        return State(value, str(STATES[value]))

    @display(description=gettext_lazy("sources"))
    def told(self, row: MonitoredSystem) -> SafeString:
        """What each source said last, and when."""
        return pairs({each.get_source_display(): _describe(each) for each in row.readings.all()})

    @display(description=gettext_lazy("stored"))
    def stored(self, row: MonitoredSystem) -> str:
        """For what there are credentials; never which."""
        if isinstance(row.credentials, LostSecret):
            return _("cannot be decrypted; enter them anew")
        return ", ".join(services_in(row.credentials)) or _("not set")

    @button(gettext_lazy("Ask it now"), permission=PERMISSION, style="primary")
    def ask(self, request: HttpRequest, row: MonitoredSystem) -> str:
        """Ask every source, and say what works."""
        return probe_system(row)


def _state(row: MonitoredSystem) -> str:
    readings = list(row.readings.all())
    if not row.enabled:
        return "off"
    if any(each.error for each in readings):
        return "silent"
    return "up" if any(each.read_at for each in readings) else "unknown"


def _describe(reading: SystemReading) -> str:
    told = ", ".join(f"{name} {value}" for name, value in reading.data.items() if isinstance(value, str | int | float))
    return " · ".join(part for part in (age(reading.read_at), told, reading.error) if part)
