"""Telling phone numbers from other numbers: by their country's plan, by the way they are written, or by a word before.

A bare run of digits is never a phone number by itself: order numbers and timestamps look the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_ZONES_3 = re.compile(
    r"2(?:1[1-3689]|2\d|3\d|4\d|5[0-8]|6\d|9[01789])|3(?:5\d|7\d|8[0-79])|42[013]|5[09]\d|6(?:7\d|8\d|9[0-2])"
    r"|8(?:5[02356]|70|80|86)|9(?:6\d|7\d|9[2-68])"
)
# Digits after the country code, least and most; the plans of ITU E.164 as published by the countries.
_PLANS = {
    "20": (9, 10), "27": (9, 9), "30": (10, 10), "31": (9, 9), "32": (8, 9), "33": (9, 9), "34": (9, 9), "36": (8, 9),
    "39": (8, 11), "40": (9, 9), "41": (9, 9), "43": (8, 12), "44": (9, 10), "45": (8, 8), "46": (7, 10), "47": (8, 8),
    "48": (9, 9), "49": (8, 12), "51": (8, 9), "52": (10, 10), "53": (8, 8), "54": (10, 11), "55": (10, 11),
    "56": (9, 9), "57": (10, 10), "58": (10, 10), "60": (8, 10), "61": (9, 9), "62": (8, 12), "63": (8, 10),
    "64": (8, 10), "65": (8, 8), "66": (8, 9), "81": (9, 10), "82": (8, 11), "84": (9, 10), "86": (10, 11),
    "90": (10, 10), "91": (10, 10), "92": (9, 10), "93": (9, 9), "94": (9, 9), "95": (8, 10), "98": (10, 10),
}  # fmt: skip
_SPACE = "[ \u00a0.\u2011-]"
_PLUS = re.compile(rf"(?<![\w+.])\+\d(?:{_SPACE}{{0,2}}\(?\d{{1,12}}\)?){{1,7}}(?!\w)")
_GROUP_END = re.compile(r"\d\)?(?!\d)")
_WRITTEN = re.compile(
    r"(?<![\w.+(-])(?:"
    r"\([2-9]\d{2}\)[ \u00a0]?[2-9]\d{2}[-. ]\d{4}"  # (415) 555-2671
    r"|(?:1[-.])?[2-9]\d{2}(?P<us>[-.])[2-9]\d{2}(?P=us)\d{4}"  # 415-555-2671
    r"|\(?[1-9][1-9]\)?[ \u00a0]9\d{4}[- ]\d{4}"  # (11) 98765-4321
    r"|\([1-9][1-9]\)[ \u00a0]?[2-5]\d{3}[- ]\d{4}"  # (11) 3456-7890
    r"|8[ \u00a0-]?\([3489]\d{2,4}\)[ \u00a0-]?\d{1,3}[ \u00a0-]?\d{2}[ \u00a0-]?\d{2}"  # 8 (912) 345-67-89
    r"|8(?P<ru>[ \u00a0-])[3489]\d{2}(?P=ru)\d{3}[ \u00a0-]\d{2}[ \u00a0-]\d{2}"  # 8 912 345-67-89
    r"|0\d{3,4}[ \u00a0]\d{3}[ \u00a0]?\d{3}"  # 020 7946 0958, 07700 900 123
    r")(?![\w-]|\.\d)"
)
_NAMED = re.compile(
    r"(?<!\w)(?:phones?|telephone|tel|mobile|cell|whats ?app|telefones?|celular|fone|"
    r"тел|телефон|телефона|телефону|моб|мобильный|номер телефона)(?!\w)"
    r"[^\d\n+(]{0,24}(?<![\w-])(?P<number>\(?\d[\d \u00a0().-]{7,16}\d)(?![\w-]|\.\d)",
    re.IGNORECASE,
)
_DATE = re.compile(r"(?:19|20)\d{2}[-. ]?(?:0[1-9]|1[0-2])[-. ]?(?:0[1-9]|[12]\d|3[01])")


def is_international(number: str) -> bool:
    """Tell whether the digits after a plus fit their country's plan; 7, 55 and 1 are looked at closely."""
    code, rest = number[:2], number[2:]
    if number[0] == "1":
        return len(number) == 11 and number[1] in "23456789" and number[4] in "23456789"
    if number[0] == "7":
        return len(number) == 11 and number[1] in "345689"
    if code == "55":
        is_mobile = len(rest) == 11 and rest[2] == "9"
        return "0" not in rest[:2] and (is_mobile or (len(rest) == 10 and rest[2] in "2345"))
    if code in _PLANS:
        least, most = _PLANS[code]
        return least <= len(rest) <= most and rest[0] != "0"
    return bool(_ZONES_3.match(number)) and 7 <= len(number) - 3 <= 10


def find_phones(text: str, start: int = 0) -> Iterator[tuple[int, int, int]]:
    """Yield places of phone numbers as (where what tells it begins, start, end)."""
    at = start
    while match := _PLUS.search(text, at):
        end = _plausible_end(text, *match.span(), is_international)
        if end:
            yield match.start(), match.start(), end
        at = end or match.start() + 1
    for match in _WRITTEN.finditer(text, start):
        yield match.start(), match.start(), match.end()
    yield from _find_named(text, start)


def _find_named(text: str, at: int) -> Iterator[tuple[int, int, int]]:
    while match := _NAMED.search(text, at):
        end = _plausible_end(text, *match.span("number"), _is_dialled)
        if end:
            yield match.start(), match.start("number"), end
        at = end or match.start() + 1


def _is_dialled(number: str) -> bool:
    return 9 <= len(number) <= 13 and len(set(number)) > 1 and not _DATE.match(number)


def _plausible_end(text: str, start: int, end: int, check: Callable[[str], bool]) -> int:
    """Return where the longest plausible number ends; what follows it may be another number. 0 if there is none."""
    ends = [match.end() for match in _GROUP_END.finditer(text, start, end)]
    return next((stop for stop in reversed(ends) if check(re.sub(r"\D", "", text[start:stop]))), 0)
