"""Links in text: finding them as chat clients do, and telling where they come from.

A link is grounded when it is exactly one that is known (from the user or a tool result) or its host is allowed. Hosts
are compared in lower case and ASCII, after what a browser would cut away, and on label borders.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

import idna

# Characters that end a link although they are not white space: full-width punctuation of texts without spaces.
BREAKS = "\u3001\u3002\uff0c\uff01\uff1f\uff1b\uff1a\u2026"
LABEL_CHARS = 100
TITLE_CHARS = 80
_LONG_LABEL = 24

_CHARS = rf"[^\s<>\"`{BREAKS}]"
# Endings that clients turn into links by themselves. File names (main.py, run.sh) must not look like hosts.
_TLDS = (
    "com|net|org|info|biz|io|app|dev|ai|co|me|tv|cc|xyz|top|site|online|shop|store|club|link|click|live|tech|cloud|"
    "page|space|website|icu|ru|su|рф|xn--p1ai|by|kz|ua|br|pt|us|uk|de|fr|es|it|nl|eu|pl|cn|jp|in|ca|au|ch|tk|ml|ga|cf|"
    "gq|ws|to|ly|gl|gd|gg|example|test"
)
_BARE = re.compile(
    rf"(?:https?|ftp|tg|file|intent|whatsapp):[/\\]{{2}}{_CHARS}+"
    rf"|(?<![\w@./\\-])www\.{_CHARS}+"
    rf"|(?<![\w])(?:javascript|vbscript):{_CHARS}+"
    rf"|(?<![\w])data:[a-z]+/[a-z0-9.+-]+[;,]{_CHARS}*"
    rf"|(?<![\w@./\\-])(?:[^\W_](?:[\w-]{{0,61}}[^\W_])?\.)+(?:{_TLDS})(?![\w-])(?!\.\w)(?::\d{{1,5}})?(?:[/?#]{_CHARS}*)?",
    re.IGNORECASE,
)
# Only what has a dot or a colon inside can hold a link; looking at these words alone is several times faster.
_CANDIDATE = re.compile(r"(?<!\S)[^\s.:]*[.:]\S+")
_MARKDOWN = re.compile(
    rf"!?\[(?P<label>[^\[\]\n]{{0,{LABEL_CHARS}}})\]"
    r"\([ \t]{0,2}<?(?P<url>(?:[^\s()<>]|\([^\s()<>]*\))*)>?"
    rf"(?:[ \t]{{1,2}}(?:\"[^\"\n]{{0,{TITLE_CHARS}}}\"|'[^'\n]{{0,{TITLE_CHARS}}}'))?[ \t]{{0,2}}\)"
)
# The beginning of a Markdown link that the end of the text leaves open. Matches more than becomes a link, never less.
OPEN_LINK = re.compile(
    rf"!?\[[^\[\]\n]{{0,{LABEL_CHARS}}}(?:\](?:\([ \t]{{0,2}}[^\s]*"
    rf"(?:[ \t]{{1,2}}[\"'][^\n]{{0,{TITLE_CHARS + 4}}}|[ \t]{{0,2}})?)?)?\Z"
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_WEB = re.compile(r"(?:https?:)?[/\\]{2}", re.IGNORECASE)
_TRAILING = ".,;:!?'*_~\u00bb\u201d\u2019\u2026|"
_PAIRS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundUrl:
    """One link: its whole place, the address in it, and for a Markdown link the place of its label."""

    start: int
    end: int
    url: str
    label: tuple[int, int] | None = None

    @property
    def is_link(self) -> bool:
        """Whether a client would follow or fetch it: a bare host without a path is only a name."""
        return self.label is not None or bool(_SCHEME.match(self.url)) or _is_telling(self.url)


def _is_telling(bare: str) -> bool:
    host = re.split(r"[/?#]", bare, maxsplit=1)[0]
    return host != bare or bare.lower().startswith("www.") or max(map(len, host.split("."))) >= _LONG_LABEL


def find_urls(text: str, start: int = 0) -> list[FoundUrl]:
    """Return the links from `start` on, which must not lie inside a word; one in a label is found too."""
    found = list(_find_markdown(text, start)) if text.find("](", start) >= 0 else []
    bare: list[FoundUrl] = []
    for word in _CANDIDATE.finditer(text, start):
        bare += _find_bare(text, *word.span(), found)
    return found + bare


def _find_bare(text: str, at: int, end: int, links: list[FoundUrl]) -> Iterator[FoundUrl]:
    """Yield bare links in a word, jumping over the targets of Markdown links and stopping where their labels end."""
    while match := _BARE.search(text, at, end):
        around = next((link for link in links if link.start <= match.start() < link.end), None)
        if around is None or around.label is None or match.start() < around.label[1]:
            stop = around.label[1] if around and around.label else match.end()
            url = _trim(text[match.start() : min(stop, match.end())])
            yield FoundUrl(start=match.start(), end=match.start() + len(url), url=url)
            at = min(stop, match.end())
        else:
            at = around.end


def _find_markdown(text: str, start: int) -> Iterator[FoundUrl]:
    for match in _MARKDOWN.finditer(text, start):
        yield FoundUrl(start=match.start(), end=match.end(), url=match["url"], label=match.span("label"))


def _trim(url: str) -> str:
    """Cut off what belongs to the sentence: punctuation, and closing brackets that were not opened in the link."""
    while url:
        last = url[-1]
        unopened = last in _PAIRS and url.count(last) > url.count(_PAIRS[last])
        if not unopened and last not in _TRAILING:
            break
        url = url[:-1]
    return url


def extract_urls(text: str) -> tuple[str, ...]:
    """Return the addresses of all links in a text, in order, each once."""
    found = sorted(find_urls(text), key=lambda link: link.start)
    return tuple(dict.fromkeys(link.url for link in found if link.url))


def _split(url: str) -> tuple[str, str, str]:
    """Return scheme, authority and the rest. An address without a scheme is one of the web, as clients take it."""
    web = _WEB.match(url)
    scheme = _SCHEME.match(url)
    if web:
        name, rest = "http", url[web.end() :]
    elif scheme and not re.match(r"\d{1,5}(?:[/?#]|\Z)", url[scheme.end() :]):
        name, rest = scheme[1].lower(), url[scheme.end() :].lstrip("/\\")
    else:
        name, rest = "http", url
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    return name, authority, rest[len(authority) :]


def host_of(url: str) -> str:
    """Return the host a browser would go to, in lower-case ASCII.

    Empty for an address that is not of the web, and for one with a backslash, which clients read in different ways.
    """
    scheme, authority, _ = _split(url)
    if scheme != "http" or "\\" in url:
        return ""
    host = authority.rpartition("@")[2]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return _ascii(host)


@lru_cache(maxsize=1024)
def _ascii(host: str) -> str:
    host = re.sub("[\u3002\uff0e\uff61]", ".", host).rstrip(".").lower()
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return host


def url_key(url: str) -> str:
    """Return what two spellings of one address have in common: no scheme of the web, no fragment, no last slash."""
    scheme, authority, rest = _split(url)
    if scheme != "http":
        return url
    port = re.search(r":(\d{1,5})\Z", authority)
    suffix = f":{port[1]}" if port and port[1] not in ("80", "443") else ""
    return host_of(url) + suffix + rest.partition("#")[0].rstrip("/")


@lru_cache(maxsize=64)
def _keys(urls: frozenset[str]) -> frozenset[str]:
    return frozenset(url_key(url) for url in urls)


@lru_cache(maxsize=64)
def _hosts(allowed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(host for host in (host_of(entry.strip().removeprefix("*.")) for entry in allowed) if host)


def is_grounded(url: str, *, known: frozenset[str], allowed: Collection[str] = ()) -> bool:
    """Tell whether an address is exactly a known one or lies on an allowed host or below it."""
    host = host_of(url)
    if host and any(host == name or host.endswith("." + name) for name in _hosts(tuple(allowed))):
        return True
    return bool(known) and url_key(url) in _keys(known)
