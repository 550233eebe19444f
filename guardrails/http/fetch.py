"""The one client for addresses that people or the model choose. It reaches public hosts only, and reads little.

The name is resolved once, every address is checked, and the connection goes to a checked address, so a name that
changes meanwhile leads nowhere else. Redirects are checked like first addresses. No cookies, no credentials, no proxy.
"""

from __future__ import annotations

import asyncio
import codecs
import re
import ssl
import zlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

from clawsite.core.errors import BadInput, NotAllowed, Unavailable
from guardrails.addresses import Resolver, Target, addresses_of, parse_target, resolve

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 2 * 1024 * 1024
SECONDS = 10.0
MAX_REDIRECTS = 3
USER_AGENT = "clawsite/1 (+fetch)"
_REDIRECTS = (301, 302, 303, 307, 308)
_TEXT_TYPES = re.compile(
    r"text/[\w.+-]+|application/(?:[\w.-]+\+)?(?:json|xml|yaml|x-yaml|javascript|toml|x-ndjson|rss|atom)(?:\+xml)?"
)
_PAGE_CODECS = re.compile(
    r"ascii|utf-8(?:-sig)?|utf-16(?:-[lb]e)?|utf-32(?:-[lb]e)?|iso8859-\d+|cp\d+|koi8-[rut]|mac-\w+|kz1048|ptcp154|"
    r"tis-620|big5(?:hkscs)?|gb2312|gbk|gb18030|hz|shift_jis(?:x0213|_2004)?|euc_\w+|iso2022_\w+|johab"
)
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]{1,40})", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What an address answered: the address that answered in the end, its status, type and text."""

    url: str
    status: int
    content_type: str
    text: str


async def fetch(
    url: str,
    *,
    max_bytes: int = MAX_BYTES,
    seconds: float = SECONDS,
    allow_private_hosts: Collection[str] | None = None,
    resolver: Resolver = resolve,
    tls: ssl.SSLContext | None = None,
) -> Page:
    """Open an address and return its text, within `seconds` in all and `max_bytes` of unpacked text.

    `allow_private_hosts` names hosts (or host:port) that may be private; None stands for the setting. Raises BadInput
    for what is no address or no text, NotAllowed for what must not be opened, Unavailable for what does not answer.
    """
    hosts = settings.CLAW_PRIVATE_HOSTS if allow_private_hosts is None else allow_private_hosts
    target = parse_target(url)
    try:
        async with asyncio.timeout(seconds):
            for _ in range(MAX_REDIRECTS + 1):
                addresses = await addresses_of(target, hosts=hosts, resolver=resolver)
                answer = await _get(target, addresses, max_bytes=max_bytes, tls=tls)
                if isinstance(answer, Page):
                    return answer
                target = target.follow(answer)
    except TimeoutError as error:
        raise Unavailable(f"The page did not answer within {seconds:g} seconds.") from error
    raise NotAllowed(f"The page sends from one address to the next more than {MAX_REDIRECTS} times.")


async def _get(target: Target, addresses: list[str], *, max_bytes: int, tls: ssl.SSLContext | None) -> Page | str:
    """Ask the first address that takes the connection; return its page, or where it sends us."""
    import httpx

    verify = (tls or _tls()) if target.scheme == "https" else False
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=0)
    async with httpx.AsyncClient(verify=verify, trust_env=False, limits=limits, timeout=SECONDS) as client:
        for address in addresses:
            try:
                response = await client.send(_request(client, target, address), stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise Unavailable("The page did not answer as a web server does.") from error
            try:
                return await _read(response, target, max_bytes=max_bytes)
            except httpx.HTTPError as error:
                raise Unavailable("The page broke off in the middle.") from error
            finally:
                await response.aclose()
    raise Unavailable("The page cannot be reached.")


def _request(client: httpx.AsyncClient, target: Target, address: str) -> httpx.Request:
    """A request to a checked address that speaks, and checks the certificate, for the host it was asked for."""
    host = f"[{address}]" if ":" in address else address
    headers = {
        "Host": target.authority,
        "User-Agent": USER_AGENT,
        "Accept": "text/html, text/*;q=0.9, application/json;q=0.9, */*;q=0.1",
        "Accept-Encoding": "gzip",
        "Connection": "close",
    }
    url = f"{target.scheme}://{host}:{target.port}{target.path}"
    return client.build_request("GET", url, headers=headers, extensions={"sni_hostname": target.host})


@cache
def _tls() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context(trust_env=False)


async def _read(response: httpx.Response, target: Target, *, max_bytes: int) -> Page | str:
    location = response.headers.get("location")
    if response.status_code in _REDIRECTS and location:
        return str(location)
    kind = str(response.headers.get("content-type", "")).lower()
    bare = kind.partition(";")[0].strip()
    if not _TEXT_TYPES.fullmatch(bare):
        raise BadInput(f"This is not a text page but {bare[:60] or 'of no known type'}.")
    body = b"".join([part async for part in _unpacked(response, max_bytes)])
    return Page(url=target.url, status=response.status_code, content_type=bare, text=_decode(body, kind))


async def _unpacked(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the unpacked body, never unpacking more than may be kept; raise BadInput beyond it."""
    encoding = str(response.headers.get("content-encoding", "identity")).strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        raise BadInput("The page is packed in a way I cannot read.")
    unpack = zlib.decompressobj(wbits=31) if "gzip" in encoding else None
    room = max_bytes
    async for packed in response.aiter_raw():
        part = _unpack(unpack, packed, room + 1) if unpack else packed
        room -= len(part)
        if room < 0:
            raise BadInput(f"The page is larger than {max_bytes // 1024} KiB.")
        yield part
    if unpack and not unpack.eof:
        raise Unavailable("The page broke off in the middle.")


def _unpack(unpack: zlib._Decompress, packed: bytes, most: int) -> bytes:
    try:
        return unpack.decompress(packed, most)
    except zlib.error as error:
        raise BadInput("The page is packed in a way I cannot read.") from error


def _decode(body: bytes, kind: str) -> str:
    """Decode by the declared character set, else by one named in the head of the page, else as UTF-8."""
    named = _CHARSET.search(kind) or _CHARSET.search(body[:1024].decode("latin-1"))
    return body.decode(_codec(named[1]) if named else "utf-8", "replace")


def _codec(name: str) -> str:
    """Return the codec of a character set of pages, UTF-8 for any other: some take minutes for what a page may hold."""
    try:
        known = codecs.lookup(name).name
    except LookupError:
        return "utf-8"
    return known if _PAGE_CODECS.fullmatch(known) else "utf-8"
