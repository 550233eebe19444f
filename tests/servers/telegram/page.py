"""The page at `/`: a chat window with which a person plays a Telegram user."""

from __future__ import annotations

from pathlib import Path

from tests.servers.wire import Response

FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def page_response(path: str) -> Response:
    if path not in FILES:
        return Response.from_json({"ok": False, "error_code": 404, "description": "Not Found"}, 404)
    name, kind = FILES[path]
    return Response(body=(Path(__file__).parent / name).read_bytes(), content_type=kind, headers=dict(HEADERS))
