"""Actions that wait for a person, with the buttons that decide them."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import age, shorten, text_block
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.approvals import decide
from guardrails.models import Approval

PERMISSION = "guardrails.change_approval"
COLOURS = {"waiting": "warning", "approved": "success", "rejected": "danger", "expired": ""}


def is_waiting(row: Approval) -> bool:
    """Tell whether a decision still counts."""
    return row.state == Approval.State.WAITING and row.expires_at > timezone.now()


@admin.register(Approval)
class ApprovalAdmin(RecordAdmin):
    """Requests, newest first. The first decision counts, here or in a chat."""

    list_display = ("asked", "kind", "what", "status", "requested_by", "decided_by")
    list_filter = ("state", ("created_at", admin.DateFieldListFilter))
    search_fields = ("key", "summary", "requested_by", "session_ref")
    fieldsets = (
        (None, {"fields": ("kind", "wording", "state", "requested_by", "role", "session_ref")}),
        (gettext_lazy("Decision"), {"fields": ("decided_by", "decided_at", "created_at", "expires_at")}),
    )

    @display(description=gettext_lazy("asked"))
    def asked(self, row: Approval) -> str:
        """How long ago."""
        return age(row.created_at)

    @display(description=gettext_lazy("what"))
    def what(self, row: Approval) -> str:
        """The beginning of what is asked for."""
        return shorten(row.summary)

    @display(description=gettext_lazy("what"))
    def wording(self, row: Approval) -> SafeString:
        """All that the deciding person reads."""
        return text_block(row.summary)

    @display(description=gettext_lazy("state"), label=COLOURS)
    def status(self, row: Approval) -> tuple[str, str]:
        """Where the decision stands."""
        return row.state, row.get_state_display()

    @button(gettext_lazy("Approve"), permission=PERMISSION, style="primary", shown=is_waiting, in_list=True)
    def approve(self, request: HttpRequest, row: Approval) -> str:
        """Let exactly this happen."""
        return self._decide(request, row, approve=True)

    @button(gettext_lazy("Reject"), permission=PERMISSION, style="danger", shown=is_waiting, in_list=True)
    def reject(self, request: HttpRequest, row: Approval) -> str:
        """Do not let it happen."""
        return self._decide(request, row, approve=False)

    def _decide(self, request: HttpRequest, row: Approval, *, approve: bool) -> str:
        outcome = decide(row.key, actor=actor_of(request), approve=approve).outcome
        if outcome == "not_allowed":
            raise NotAllowed(_("You may not decide this one."))
        if outcome in ("late", "unknown"):
            raise BadInput(_("It was decided already, or it is too old."))
        return _("Approved.") if approve else _("Rejected.")
