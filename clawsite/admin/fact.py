"""What is remembered, with its source. A wrong statement is forgotten here; corrections are made by talking."""

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
from clawsite.admin.showing import link, shorten
from sessions_app.facts import forget
from sessions_app.models import Fact


@admin.register(Fact)
class FactAdmin(RecordAdmin):
    """Statements by session; forgetting one takes its text away, older versions included."""

    list_display = ("statement", "where", "kind", "origin", "status", "created_at", "used_at")
    list_filter = ("state", ("created_at", admin.DateFieldListFilter))
    list_select_related = ("session",)
    search_fields = ("text",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "text",
                    "where",
                    "kind",
                    "origin",
                    "confidence",
                    "state",
                    "source_seq",
                    "created_at",
                    "used_at",
                    "expires_at",
                )
            },
        ),
    )

    @display(description=gettext_lazy("statement"))
    def statement(self, row: Fact) -> str:
        """The beginning of it."""
        return shorten(row.text)

    @display(description=gettext_lazy("conversation"))
    def where(self, row: Fact) -> SafeString | str:
        """Whose it is."""
        return link(row.session)

    @display(description=gettext_lazy("state"), label={"active": "success", "superseded": "", "forgotten": "danger"})
    def status(self, row: Fact) -> tuple[str, str]:
        """Whether it holds."""
        return row.state, row.get_state_display()

    @button(
        gettext_lazy("Forget"),
        permission="sessions_app.change_fact",
        style="danger",
        shown=lambda row: row.state == "active",
        in_list=True,
    )
    def forget(self, request: HttpRequest, row: Fact) -> str:
        """Forget the statement for good."""
        with transaction.atomic():
            if not forget(row.session, row.pk):
                return _("It was forgotten already.")
            self.record(request, row, "forget", session=row.session_id)
        return _("Forgotten.")
