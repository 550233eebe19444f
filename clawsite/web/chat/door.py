"""Who may open a socket: one of our own pages, in a browser whose session stands for somebody."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from django.conf import settings

from clawsite.web.chat.identity import Visitor, admit_staff, load_visitor
from clawsite.web.hosts import is_allowed_host, normalize_origin, own_origins
from clawsite.web.plain import Scope, find_header


def is_own_page(scope: Scope) -> bool:
    """Tell whether the Origin is ours, scheme and port included, and the Host one that we go by."""
    origin = normalize_origin(find_header(scope, "origin"))
    return is_allowed_host(find_header(scope, "host")) and origin in own_origins(scope)


def find_sitter(scope: Scope) -> Visitor | None:
    """Return who the session cookie of a socket stands for, None for nobody. Reads rows."""
    try:
        cookies = SimpleCookie(find_header(scope, "cookie"))
    except CookieError:
        return None
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    language = cookies.get(settings.LANGUAGE_COOKIE_NAME)
    if key is None or not key.value:
        return None
    return load_visitor(
        key.value,
        language_cookie=language.value if language else "",
        accept_language=find_header(scope, "accept-language"),
    )


def let_in(scope: Scope) -> Visitor | None:
    """Return who the socket belongs to, with the contact that a staff user needs."""
    visitor = find_sitter(scope)
    if visitor is not None:
        admit_staff(visitor)
    return visitor
