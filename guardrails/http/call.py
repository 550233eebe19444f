"""One request to an address that an admin typed: a system of theirs, which is usually in a private network.

Synchronous, for jobs, with an asynchronous twin. The name is resolved once and the connection goes to an address that
was checked; addresses that are no host of anybody (the cloud's metadata service among them) are refused. No redirects
are followed, because the request may carry credentials; no cookies, no proxy.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict

from django.conf import settings

from clawsite.core.errors import BadInput, NotAllowed, NotConfigured, Unavailable
from guardrails.addresses import Resolver, Target, parse_target, resolve

if TYPE_CHECKING:
    import httpx

SECONDS = 10.0
MAX_BYTES = 2 * 1024 * 1024
USER_AGENT = "clawsite/1"
# Where Amazon, Google, Alibaba, Oracle and Azure tell a machine its secrets, as far as that is no link-local address.
_METADATA = frozenset(
    map(ipaddress.ip_address, ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"))
)
_OURS = frozenset({"host", "accept-encoding", "connection", "content-length", "transfer-encoding"})
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What was answered: any status is an answer. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON; BadInput when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise BadInput("The answer is not JSON.") from None


def call(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
    resolver: Resolver = resolve,
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """Ask once, within `seconds` in all. Not for use inside a running event loop or a transaction.

    Raises BadInput for what is no address and for an answer beyond `max_bytes`, NotAllowed for an address that is no
    host, Unavailable for what does not answer.
    """
    limits: _Limits = {"seconds": seconds, "max_bytes": max_bytes, "resolver": resolver, "tls": tls}
    return asyncio.run(acall(url, method=method, headers=headers, body=body, **limits))


async def acall(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
    resolver: Resolver = resolve,
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """Do the same on a running event loop."""
    if method not in METHODS:
        raise BadInput(f"The method must be one of {', '.join(METHODS)}.")
    target = parse_target(url)
    request = _Request(method=method, headers=dict(headers or {}), body=body, max_bytes=max_bytes, tls=tls)
    return await _within(seconds, target, request, resolver)


class _Limits(TypedDict):
    seconds: float
    max_bytes: int
    resolver: Resolver
    tls: ssl.SSLContext | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Request:
    method: str
    headers: dict[str, str]
    body: bytes
    max_bytes: int
    tls: ssl.SSLContext | None


async def _within(seconds: float, target: Target, request: _Request, resolver: Resolver) -> Reply:
    try:
        async with asyncio.timeout(seconds):
            return await _send(target, request, await _hosts(target, resolver))
    except TimeoutError:
        raise Unavailable(f"{target.authority} did not answer within {seconds:g} seconds.") from None


async def _hosts(target: Target, resolver: Resolver) -> list[str]:
    """Return the addresses of a host; NotAllowed when one of them is no host's."""
    addresses = await resolver(target.host, target.port)
    if not addresses:
        raise Unavailable("The host of this address cannot be found.")
    if not all(_is_host(address) for address in addresses):
        raise NotAllowed(f"{target.authority} leads to an address that is no host, which I do not open.")
    return addresses


def _is_host(address: str) -> bool:
    """Tell whether an address may be somebody's machine: private and loopback ones may, link-local ones never."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    bare = getattr(parsed, "ipv4_mapped", None) or parsed
    return bare not in _METADATA and not (
        bare.is_link_local or bare.is_multicast or bare.is_unspecified or _is_reserved(bare)
    )


def _is_reserved(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_reserved and not address.is_loopback


async def _send(target: Target, request: _Request, addresses: list[str]) -> Reply:
    """Ask the first address that takes the connection."""
    import httpx

    verify = (request.tls or _tls(settings.CLAW_CA_FILE)) if target.scheme == "https" else False
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=0)
    async with httpx.AsyncClient(verify=verify, trust_env=False, limits=limits, timeout=None) as client:  # noqa: S113
        for address in addresses:
            try:
                response = await client.send(_build(client, target, address, request), stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                raise Unavailable(f"{target.authority} did not answer as a web server does.") from error
            try:
                return await _read(response, target, request.max_bytes)
            except httpx.HTTPError as error:
                raise Unavailable(f"{target.authority} broke off in the middle of its answer.") from error
            finally:
                await response.aclose()
    raise Unavailable(f"{target.authority} cannot be reached.")


def _build(client: httpx.AsyncClient, target: Target, address: str, request: _Request) -> httpx.Request:
    """A request to a checked address that speaks, and checks the certificate, for the host it was asked for.

    What says who is asked, how long the body is or how it is packed is ours alone, however a caller spells it.
    """
    host = f"[{address}]" if ":" in address else address
    ours = {"Host": target.authority, "Accept-Encoding": "identity", "Connection": "close"}
    given = {name: value for name, value in request.headers.items() if name.strip().lower() not in _OURS}
    return client.build_request(
        request.method,
        f"{target.scheme}://{host}:{target.port}{target.path}",
        headers={"User-Agent": USER_AGENT, "Accept": "application/json", **given, **ours},
        content=request.body or None,
        extensions={"sni_hostname": target.host},
    )


@cache
def _tls(ca_file: str) -> ssl.SSLContext:
    """Trust the public authorities, and those of a file."""
    import httpx

    context = httpx.create_ssl_context(trust_env=False)
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError):
            raise NotConfigured("CLAW_CA_FILE names a file that holds no certificates.") from None
    return context


async def _read(response: httpx.Response, target: Target, max_bytes: int) -> Reply:
    """Read the body as it was sent, which we asked to be unpacked, and never more than may be kept."""
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > max_bytes:
            raise BadInput(f"The answer of {target.authority} is larger than {max_bytes // 1024} KiB.")
    return Reply(status=response.status_code, headers=dict(response.headers), body=bytes(body))
