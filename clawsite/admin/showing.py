"""How values look on the admin's pages. What comes from outside is escaped here and nowhere trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

MOST_JSON = 100_000
MOST_TEXT = 120


class State(NamedTuple):
    """A state for a coloured label in lists: the theme takes a pair, and pages of one row show it as text."""

    value: str
    label: str

    def __str__(self) -> str:
        """Its word."""
        return self.label


def pretty_json(value: object) -> SafeString:
    """Return JSON (text or value) indented and escaped; text that is no JSON stays as it is."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return _block(str(value))
    return _block(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False))


def _block(text: str) -> SafeString:
    more = "\n…" if len(text) > MOST_JSON else ""
    return format_html('<pre class="claw-pre">{}{}</pre>', text[:MOST_JSON], more)


def text_block(text: str) -> SafeString:
    """Return text with its line breaks, escaped."""
    return _block(text)


def shorten(text: str, limit: int = MOST_TEXT) -> str:
    """Return the text as one line that fits a table."""
    line = " ".join(text[: limit * 4].split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def mask_address(url: str) -> str:
    """Return an address with its host alone: path and query may be all that keeps others from using it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "…"
    host = parts.netloc.rpartition("@")[2]
    rest = "/…" if parts.path.strip("/") or parts.query or parts.fragment else ""
    return f"{parts.scheme}://{host}{rest}"


def age(moment: datetime | None) -> str:
    """Return how long ago something was, in its largest unit; "–" for never."""
    if moment is None:
        return "–"
    now = timezone.now()
    return _("now") if now - moment < timedelta(minutes=1) else timesince(moment, now, depth=1)


def link(row: Model | None, text: object = "") -> SafeString | str:
    """Return a link to the page of a row."""
    if row is None:
        return "–"
    opts = row._meta
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])
    return format_html('<a class="claw-link" href="{}">{}</a>', url, str(text or row))


def pairs(values: Mapping[str, Any]) -> SafeString:
    """Return a flat mapping as lines of "name: value", escaped."""
    return _block("\n".join(f"{name}: {value}" for name, value in values.items()) or "–")
