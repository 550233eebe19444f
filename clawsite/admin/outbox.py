"""The outbox: what goes out, what became of it, and the button that sends a dead letter again."""

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
from sessions_app.models import Outbox
from sessions_app.outbox import replay_row

COLOURS = {"new": "info", "sending": "info", "sent": "success", "dead": "danger", "expired": "warning"}
REPLAYED = (Outbox.State.DEAD, Outbox.State.EXPIRED)


@admin.register(Outbox)
class OutboxAdmin(RecordAdmin):
    """Messages to send, newest first."""

    list_display = ("id", "channel", "status", "born", "says", "attempts", "problem")
    list_filter = ("state", "resent", "channel", ("created_at", admin.DateFieldListFilter))
    list_select_related = ("channel",)
    search_fields = ("chat_id", "trace_id", "error")
    fieldsets = (
        (None, {"fields": ("channel", "state", "error", "attempts", "resent", "created_at", "sent_at", "not_before")}),
        (gettext_lazy("What goes out"), {"fields": ("message",)}),
        (
            gettext_lazy("Details"),
            {"fields": ("chat_id", "thread_id", "dedupe_key", "trace_id", "remote"), "classes": ("collapse",)},
        ),
    )

    @display(description=gettext_lazy("state"), label=COLOURS)
    def status(self, row: Outbox) -> tuple[str, str]:
        """What became of it."""
        return row.state, row.get_state_display()

    @display(description=gettext_lazy("age"))
    def born(self, row: Outbox) -> str:
        """How long ago it was queued."""
        return age(row.created_at)

    @display(description=gettext_lazy("text"))
    def says(self, row: Outbox) -> str:
        """The beginning of the text."""
        return shorten(str(row.payload.get("text", "")) if isinstance(row.payload, dict) else "", 80)

    @display(description=gettext_lazy("problem"))
    def problem(self, row: Outbox) -> str:
        """Why it waits or was given up."""
        return shorten(row.error, 60)

    @display(description=gettext_lazy("message"))
    def message(self, row: Outbox) -> SafeString:
        """The whole payload."""
        return pretty_json(row.payload)

    @display(description=gettext_lazy("platform ids"))
    def remote(self, row: Outbox) -> SafeString:
        """The ids of the parts that are out."""
        return pretty_json(row.remote_ids)

    @button(
        gettext_lazy("Send again"),
        permission="sessions_app.change_outbox",
        style="primary",
        shown=lambda row: row.state in REPLAYED,
        in_list=True,
    )
    def replay(self, request: HttpRequest, row: Outbox) -> str:
        """Queue the row again."""
        with transaction.atomic():
            if not replay_row(row.pk):
                raise BadInput(_("Only what was given up or expired can be sent again."))
            self.record(request, row, "replay")
        return _("It will be sent again.")
