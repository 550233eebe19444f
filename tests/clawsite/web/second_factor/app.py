"""The app on somebody's phone, and somebody's way in."""

from __future__ import annotations

import re
import time
from base64 import b32decode
from typing import Any

from django.test import Client
from django_otp.oath import TOTP

from clawsite.core.models import User

STEP_SECONDS = 30
PASSWORD = "correct horse battery"
CODE, SETUP, HOME, LOGIN = (
    "/second-factor/code",
    "/second-factor/setup",
    "/second-factor/",
    "/admin/login/?next=/admin/",
)


class App:
    """An app that has scanned the picture. It shows another code every 30 seconds."""

    def __init__(self, secret: str) -> None:
        self._totp = TOTP(b32decode(secret), STEP_SECONDS, 0, 6)
        self._shown = 0

    def code(self, *, later: int = 0) -> str:
        """Return the code that is shown now, or so many steps from now."""
        return self._of(_now() + later)

    def next_code(self) -> str:
        """Return the one after the last that was shown, for each is taken once only, or what is shown by now."""
        return self._of(max(self._shown + 1, _now()))

    def _of(self, step: int) -> str:
        self._shown = step
        self._totp.time = STEP_SECONDS * step
        return f"{self._totp.token():06}"


def _now() -> int:
    return int(time.time()) // STEP_SECONDS


def read_secret(client: Client) -> str:
    """Return what the setup page offers for typing."""
    found = re.search(r'<code class="codes">([A-Z2-7]{32})</code>', client.get(SETUP).content.decode())
    assert found
    return found[1]


def read_codes(page: str) -> list[str]:
    """Return the recovery codes that a page shows."""
    return re.findall(r"<li><code>([a-z2-7-]{19})</code></li>", page)


def set_up(user: User) -> tuple[App, list[str]]:
    """Give an account a second factor over the pages; return its app and its recovery codes."""
    client = Client()
    client.force_login(user)
    app = App(read_secret(client))
    page = client.post(SETUP, {"code": app.code(), "password": PASSWORD}).content.decode()
    user.refresh_from_db()
    return app, read_codes(page)


def give_password(name: str = "alice", *, client: Client | None = None) -> Client:
    """Type name and password; return the browser."""
    browser = client or Client()
    answer: Any = browser.post(LOGIN, {"username": name, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return browser


def is_in(client: Client) -> bool:
    """Tell whether a browser gets to the admin pages."""
    return client.get("/admin/").status_code == 200
