"""The character set that a page names: what pages have is read, what only costs time is not."""

from __future__ import annotations

import time

import pytest

from guardrails.http.fetch import _decode


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("windows-1251", "привет"),
        ("koi8-r", "привет"),
        ("iso-8859-15", "€ é"),
        ("Shift_JIS", "日本"),
        ("gb18030", "中文"),
        ("utf-16", "olá"),
        ("us-ascii", "plain"),
    ],
)
def test_character_sets_of_pages_are_read(name: str, text: str) -> None:
    assert _decode(text.encode(name), f"text/html; charset={name}") == text


@pytest.mark.parametrize("name", ["punycode", "idna", "utf-7", "unicode_escape", "hex", "zlib", "nonsense"])
def test_any_other_is_read_as_utf8_and_in_no_time(name: str) -> None:
    body = b"x-" + b"a" * 300_000
    began = time.thread_time()
    assert _decode(body, f"text/plain; charset={name}") == body.decode()
    assert time.thread_time() - began < 1
