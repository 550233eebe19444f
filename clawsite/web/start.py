"""The start page: how the system does, for staff; the way to the chat, for everybody else."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from clawsite.core.models import User
from clawsite.web.board import figures
from clawsite.web.board.charts import describe
from clawsite.web.board.history import RANGES, USUAL


@never_cache
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Answer with the page that fits who asks."""
    if not may_look(request.user):
        return render(request, "web/landing.html")
    shown = {"charts": describe(), "ranges": [{"hours": hours, "usual": hours == USUAL} for hours in RANGES]}
    return render(request, "web/dashboard.html", {**figures.show(), **shown})


def may_look(user: object) -> bool:
    """Tell whether somebody may see how the system does."""
    return isinstance(user, User) and user.is_active and user.is_staff
