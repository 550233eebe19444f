"""What a system is asked with. Stored as one encrypted JSON text, `{"prometheus": "Bearer …", …}`, and never shown.

People enter a token, or user:password; what is kept is the header that is sent. The health and stats addresses share
one, so that a token for the system itself never reaches Prometheus.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping

from clawsite.core.crypto import check_secret
from clawsite.core.errors import BadInput

SERVICES = ("system", "prometheus", "alertmanager")
_OF_SOURCE = {"health": "system", "stats": "system"}
# What may stand in a header; a line break would end it.
_VISIBLE = re.compile(r"[ -~]{1,2000}")


def headers_for(stored: str, source: str) -> dict[str, str]:
    """Return the headers to send to a source; DecryptError when the stored text can no longer be opened."""
    value = _read(check_secret(stored)).get(_OF_SOURCE.get(source, source), "")
    return {"Authorization": value} if value else {}


def services_in(stored: str) -> list[str]:
    """Return for which services there are credentials, never which."""
    return [name for name in SERVICES if _read(stored).get(name)]


def change(stored: str, entered: Mapping[str, str]) -> str:
    """Return the text to store: what was entered takes the place of what was kept, `-` removes it.

    Raises BadInput for what no header may hold.
    """
    kept = _read(stored) | {name: _header(value) for name, value in entered.items() if value.strip()}
    kept = {name: value for name, value in kept.items() if value}
    return json.dumps(kept) if kept else ""


def find_mistake(stored: str) -> str:
    """Return what is wrong with a text that is about to be stored, or an empty text."""
    try:
        known = set(_read(stored)) <= set(SERVICES)
    except BadInput as error:
        return error.message
    return "" if known else f"Credentials are for {', '.join(SERVICES)}."


def _read(stored: str) -> dict[str, str]:
    try:
        values = json.loads(stored) if stored else {}
    except ValueError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise BadInput("The stored credentials cannot be read; enter them anew.")
    return values


def _header(entered: str) -> str:
    text = entered.strip()
    if text == "-":
        return ""
    if not _VISIBLE.fullmatch(text):
        raise BadInput("Credentials are one line of ASCII letters, digits and signs.")
    if text.startswith(("Bearer ", "Basic ")):
        return text
    if ":" in text:
        return f"Basic {base64.b64encode(text.encode()).decode()}"
    return f"Bearer {text}"
