"""A visitor's own files on their way out. What is not theirs does not exist."""

from __future__ import annotations

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

from bots.channels.base import ChannelError
from bots.channels.files import open_regular
from clawsite.web.chat.identity import KIND, find_visitor
from sessions_app.models import Attachment, Contact

# The only types a browser is told; everything else is bytes to be saved.
SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


@require_safe
def download(request: HttpRequest, pk: int) -> FileResponse:
    """Answer with one attachment of the visitor's own session, as a file to be saved."""
    visitor = find_visitor(request)
    if visitor is None:
        raise Http404
    found = Attachment.objects.filter(
        pk=pk,
        state=Attachment.State.STORED,
        session__channel__kind=KIND,
        session__chat_id=visitor.external_id,
    ).first()
    blocked = Contact.objects.filter(
        channel__kind=KIND, external_id=visitor.external_id, state=Contact.State.BLOCKED
    ).exists()
    if found is None or blocked:
        raise Http404
    try:
        opened = open_regular(settings.MEDIA_ROOT, found.path)
    except ChannelError:
        raise Http404 from None
    mime = found.mime if found.mime in SHOWN else "application/octet-stream"
    response = FileResponse(opened, as_attachment=True, filename=found.name or "file", content_type=mime)
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, max-age=3600"
    return response
