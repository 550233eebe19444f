"""The chat page: a frame that its script fills. It holds no token; the socket knows the browser by its cookie."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from clawsite.web.chat.frames import MAX_BYTES, MAX_FILES
from clawsite.web.chat.identity import admit_staff, get_visitor, has_identity
from clawsite.web.chat.uploads import MAX_BYTES as MAX_FILE_BYTES
from clawsite.web.errors import too_often
from clawsite.web.limits import is_too_often


@never_cache
@ensure_csrf_cookie
@require_safe
def chat(request: HttpRequest) -> HttpResponse:
    """Show the page; a browser that comes for the first time gets its id here."""
    if not has_identity(request) and is_too_often(request, "chat.new"):
        return too_often(request)
    visitor = get_visitor(request)
    admit_staff(visitor)
    setup = {
        "socket": "/chat/socket",
        "upload": "/chat/upload",
        "files": "/chat/file/",
        "maxFile": MAX_FILE_BYTES,
        "maxFiles": MAX_FILES,
        "maxFrame": MAX_BYTES,
        "language": visitor.language,
        "texts": _texts(),
    }
    return render(request, "web/chat.html", {"setup": setup, "visitor": visitor, "is_staff": visitor.user_id})


def _texts() -> dict[str, str]:
    """Return what the script says, in the visitor's language."""
    return {
        "connecting": _("Connecting…"),
        "online": _("Connected"),
        "offline": _("No connection. Trying again…"),
        "reload": _("This page is out of date. Please reload it."),
        "tooMany": _("Too many open chats. Close another tab and reload this page."),
        "foreign": _("This page is not allowed to connect. Open it at the address that the admin gave you."),
        "noAccess": _("You have no access to this chat."),
        "approved": _("You are in! Go ahead and write."),
        "strangerTitle": _("Nice to meet you"),
        "strangerText": _("Write a first message. You will get a code, which an admin has to approve."),
        "emptyTitle": _("How can I help?"),
        "emptyText": _("Write a message, or type / to see the commands."),
        "pendingNote": _("Waiting for an admin to approve you. This page will tell you."),
        "thinking": _("The assistant is writing"),
        "stop": _("Stop"),
        "copy": _("Copy"),
        "copied": _("Copied"),
        "sending": _("Sending…"),
        "sent": _("Sent"),
        "failed": _("Not sent"),
        "again": _("Try again"),
        "remove": _("Remove"),
        "tooLarge": _("{name} is larger than {limit} MB."),
        "tooManyFiles": _("At most {limit} files go with one message."),
        "uploadFailed": _("{name} could not be uploaded."),
        "tooLong": _("This message is too long. Send it as a file."),
        "wrong": _("Something went wrong (error {id})."),
        "later": _("The server cannot take messages right now. Trying again…"),
        "you": _("You"),
        "bot": _("Assistant"),
        "today": _("Today"),
        "yesterday": _("Yesterday"),
        "fileRefused": _("not stored"),
    }
