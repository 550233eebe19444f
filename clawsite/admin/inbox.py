"""The inbox: what came in, what became of it, and the button that tries a dead letter again."""

from __future__ import annotations

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import age, pretty_json, shorten
from clawsite.core.errors import BadInput
from sessions_app.inbox import replay_row
from sessions_app.models import Inbox

COLOURS = {"new": "info", "parked": "warning", "done": "success", "dead": "danger", "unparsed": "warning"}
REPLAYED = (Inbox.State.DEAD, Inbox.State.UNPARSED)


@admin.register(Inbox)
class InboxAdmin(RecordAdmin):
    """Raw updates, newest first."""

    list_display = ("id", "channel", "status", "came", "lane", "attempts", "problem")
    list_filter = ("state", "channel", ("received_at", admin.DateFieldListFilter))
    list_select_related = ("channel",)
    search_fields = ("external_id", "lane", "trace_id", "error")
    fieldsets = (
        (None, {"fields": ("channel", "state", "error", "attempts", "received_at", "done_at", "not_before")}),
        (gettext_lazy("What came"), {"fields": ("update",)}),
        (gettext_lazy("Details"), {"fields": ("external_id", "lane", "trace_id"), "classes": ("collapse",)}),
    )

    @display(description=gettext_lazy("state"), label=COLOURS)
    def status(self, row: Inbox) -> tuple[str, str]:
        """What became of it."""
        return row.state, row.get_state_display()

    @display(description=gettext_lazy("age"))
    def came(self, row: Inbox) -> str:
        """How long ago it came."""
        return age(row.received_at)

    @display(description=gettext_lazy("problem"))
    def problem(self, row: Inbox) -> str:
        """Why it waits or was given up."""
        return shorten(row.error, 60)

    @display(description=gettext_lazy("update"))
    def update(self, row: Inbox) -> SafeString:
        """The update as the platform sent it."""
        return pretty_json(row.raw)

    @button(
        gettext_lazy("Try again"),
        permission="sessions_app.change_inbox",
        style="primary",
        shown=lambda row: row.state in REPLAYED and row.raw != "",
        in_list=True,
    )
    def replay(self, request: HttpRequest, row: Inbox) -> str:
        """Give the row a new set of attempts."""
        with transaction.atomic():
            if not replay_row(row.pk):
                raise BadInput(_("Only what was given up or not understood can be tried again."))
            self.record(request, row, "replay")
        return _("It will be tried again.")
