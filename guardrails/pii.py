"""Personal data in text, found by validated patterns: a number counts only if its check digits or its context do.

Masks keep the kind, and for cards and accounts the last digits, so that people still know which one is meant.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from guardrails.checksums import IBAN_LENGTHS, is_card, is_cnpj, is_cpf, is_iban, is_inn, is_snils, is_ssn
from guardrails.phones import find_phones
from guardrails.spans import Span, replace_spans

# Addresses of machines are no personal data in a tool for operators, unless asked for.
KINDS = frozenset({"email", "phone", "card", "iban", "cpf", "cnpj", "ssn", "snils", "inn", "passport"})
OPTIONAL_KINDS = frozenset({"ip"})
_MASKS = {"email": "e-mail", "ip": "IP address", "passport": "passport"}
_KEEPS_DIGITS = {"card", "iban"}

_FILE_ENDINGS = "png|jpe?g|gif|svg|webp|js|css|json|html?|txt|ya?ml|service|socket|timer|target|mount|slice|scope"
_EMAIL = re.compile(
    r"(?<![^\W_])(?!(?:git|hg|svn|ssh)@[\w.-]+:)[^\W_][\w.+%-]{0,63}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+"
    rf"(?!(?:{_FILE_ENDINGS})(?!\w))[^\W\d_][\w-]{{1,30}}(?![\w@-])",
    re.IGNORECASE,
)
_SEP = "[ \u00a0.-]"
_CARD = re.compile(
    rf"(?<!\w)(?<!\d[.-])(?:\d{{4}}(?P<a>{_SEP})\d{{4}}(?P=a)\d{{4}}(?P=a)\d{{4}}(?:(?P=a)\d{{3}})?"
    rf"|\d{{4}}(?P<b>{_SEP})\d{{6}}(?P=b)\d{{4,5}}|\d{{14,16}}|\d{{19}}"
    rf"|\d(?P<c>{_SEP})\d(?:(?P=c)\d){{12,17}})(?!\w)(?![.-]\d)"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ \u00a0-]?[A-Za-z0-9]{4})")
_CPF = re.compile(
    r"(?<![\w.-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])|(?<!\w)CPF(?!\w)\D{0,12}(?P<n>\d{11}|\d{9}-\d{2})(?!\w)", re.I
)
_CNPJ = re.compile(
    r"(?<![\w.-])[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2}(?![\w-])"
    r"|(?<!\w)CNPJ(?!\w)[^\dA-Z\n]{0,12}(?P<n>[0-9A-Z]{12}\d{2})(?!\w)"
)
_SSN = re.compile(
    r"(?<![\w.-])\d{3}-\d{2}-\d{4}(?![\w-]|\.\d)"
    r"|(?<!\w)(?:SSN|social security)(?!\w)[^\d\n]{0,20}(?P<n>\d{9}|\d{3} \d{2} \d{4})(?!\w)"
)
_SNILS = re.compile(
    r"(?<![\w.-])\d{3}-\d{3}-\d{3}[ \u00a0-]\d{2}(?![\w-])|(?<!\w)(?:СНИЛС|SNILS)(?!\w)\D{0,12}(?P<n>\d{11})(?!\w)",
    re.I,
)
_INN = re.compile(r"(?<!\w)(?:ИНН|INN)(?!\w)\D{0,16}(?P<n>\d{12}|\d{10})(?!\w)", re.I)
_PASSPORT = re.compile(
    r"(?<!\w)(?:паспорт\w{0,3}|passport)(?!\w)[^\d\n]{0,30}"
    r"(?P<n>\d{2}[ \u00a0]?\d{2}[ \u00a0,]{0,2}(?:№|N|No\.?|номер)?[ \u00a0]?\d{6})(?!\w)",
    re.I,
)
_IP = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)(?!\w)|(?<![\w:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])", re.I
)
# What a text must hold before any of the number patterns is tried: eight digits close together.
_NUMBERS = re.compile(r"\d(?:[ \u00a0().\u2011\u2116/-]{0,3}\d){7}")


@dataclass(frozen=True, kw_only=True, slots=True)
class PiiHit:
    """One piece of personal data. `lead` is where the match begins, with the word that tells what the number is."""

    kind: str
    lead: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool]


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


_RULES = (
    _Rule("card", _CARD, is_card),
    _Rule("cpf", _CPF, is_cpf),
    _Rule("ssn", _SSN, is_ssn),
    _Rule("snils", _SNILS, is_snils),
    _Rule("inn", _INN, is_inn),
    _Rule("passport", _PASSPORT, lambda number: len(set(number)) > 1),
)


_CNPJ_RULE = _Rule("cnpj", _CNPJ, is_cnpj)


def find_pii(text: str, start: int = 0, *, kinds: Collection[str] = KINDS) -> list[PiiHit]:
    """Return personal data of the given kinds from `start` on; places may overlap."""
    hits: list[PiiHit] = []
    if "email" in kinds and text.find("@", start) >= 0:
        hits += [_hit("email", match) for match in _EMAIL.finditer(text, start)]
    if _NUMBERS.search(text, start):
        hits += _find_numbers(text, start, kinds)
    if "cnpj" in kinds:
        hits += _find_checked(text, start, _CNPJ_RULE)
    if "iban" in kinds:
        hits += _find_ibans(text, start)
    if "ip" in kinds:
        hits += [_hit("ip", match) for match in _IP.finditer(text, start) if _is_address(match[0])]
    return hits


def _find_numbers(text: str, start: int, kinds: Collection[str]) -> Iterator[PiiHit]:
    for rule in _RULES:
        if rule.kind in kinds:
            yield from _find_checked(text, start, rule)
    if "phone" in kinds:
        for lead, begin, end in find_phones(text, start):
            yield PiiHit(kind="phone", lead=lead, start=begin, end=end)


def _hit(kind: str, match: re.Match[str], group: str | int = 0) -> PiiHit:
    return PiiHit(kind=kind, lead=match.start(), start=match.start(group), end=match.end(group))


def _find_ibans(text: str, at: int) -> Iterator[PiiHit]:
    """Yield account numbers; the country tells how long one is, so words behind it do not matter."""
    while head := _IBAN.search(text, at):
        length = IBAN_LENGTHS.get(head[0][:2].upper(), 0)
        match = _characters(length).match(text, head.start()) if length else None
        if match and is_iban(re.sub(r"[^0-9A-Z]", "", match[0].upper())):
            yield _hit("iban", match)
            at = match.end()
        else:
            at = head.start() + 1


@cache
def _characters(count: int) -> re.Pattern[str]:
    return re.compile(rf"[A-Za-z0-9](?:[ \u00a0-]?[A-Za-z0-9]){{{count - 1}}}(?![A-Za-z0-9])")


def _find_checked(text: str, at: int, rule: _Rule) -> Iterator[PiiHit]:
    """Yield the matches that pass the check. After one that fails, the search goes on one character later."""
    while match := rule.pattern.search(text, at):
        group = "n" if "n" in rule.pattern.groupindex and match["n"] else 0
        if rule.check(re.sub(r"[^0-9A-Za-z]", "", match[group])):
            yield _hit(rule.kind, match, group)
            at = match.end()
        else:
            at = match.start() + 1


def mask_of(text: str, hit: PiiHit) -> str:
    """Return what is shown in place of a hit, such as `[e-mail]` or `[card ...1111]`."""
    name = _MASKS.get(hit.kind, hit.kind if hit.kind in ("phone", "card") else hit.kind.upper())
    if hit.kind not in _KEEPS_DIGITS:
        return f"[{name}]"
    last = re.sub(r"[^0-9A-Za-z]", "", text[hit.start : hit.end])[-4:]
    return f"[{name} ...{last}]"


def pii_spans(text: str, hits: Iterable[PiiHit]) -> list[Span]:
    """Return the places to replace for hits in a text."""
    return [
        Span(lead=hit.lead, start=hit.start, end=hit.end, rule=f"pii.{hit.kind}", text=mask_of(text, hit), weight=1)
        for hit in hits
    ]


def mask_pii(text: str, *, kinds: Collection[str] = KINDS) -> str:
    """Return the text with personal data replaced by its kind."""
    hits = find_pii(text, kinds=kinds)
    return replace_spans(text, pii_spans(text, hits)) if hits else text


def describe(hits: Iterable[PiiHit]) -> str:
    """Return kinds and counts for a verdict, never what was matched: `card 1, email 2`."""
    counts = Counter(hit.kind for hit in hits)
    return ", ".join(f"{kind} {counts[kind]}" for kind in sorted(counts))
