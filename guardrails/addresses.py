"""Which addresses on the network may be reached on somebody's behalf: those that are everybody's, and named exceptions.

Python's `is_global` is not enough: it takes multicast and addresses that wrap a private IPv4 address for global.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

import idna

from clawsite.core.errors import BadInput, NotAllowed, Unavailable

Resolver = Callable[[str, int], Awaitable[list[str]]]

PORTS = {"http": 80, "https": 443}
URL_CHARS = 4096
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10",
        "ff00::/8",
        "168.63.129.16/32",  # where Azure gives a machine its settings, though it looks like everybody's
    )
)  # fmt: skip
_PATH_CHARS = "/%:@!$&'()*+,;=~-._"
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*\.?", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A checked address of the web, taken apart once; nothing reads the original text again."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and, where it is not the usual one, port, as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def follow(self, location: str) -> Target:
        """Return where a redirect leads; never from https down to http."""
        try:
            target = parse_target(urljoin(self.url, location))
        except ValueError as error:
            raise BadInput("This is not an address of a web page.") from error
        if self.scheme == "https" and target.scheme == "http":
            raise NotAllowed("The page leads from https to http, which I do not follow.")
        return target


def parse_target(url: str) -> Target:
    """Take an address apart; raise BadInput for one that is not plainly http or https with a host."""
    if len(url) > URL_CHARS or re.search(r"[\s\\\x00-\x20\x7f]", url):
        raise BadInput("The address is too long or holds characters that no address has.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadInput("This is not an address of a web page.") from error
    scheme = parts.scheme.lower()
    if scheme not in PORTS or not parts.hostname or "@" in parts.netloc:
        raise BadInput("Only http and https addresses with a host and without a password can be opened.")
    path = quote(parts.path or "/", safe=_PATH_CHARS)
    query = "?" + quote(parts.query, safe=_PATH_CHARS + "?") if parts.query else ""
    return Target(scheme=scheme, host=_host(parts.hostname), port=port or PORTS[scheme], path=path + query)


def _host(host: str) -> str:
    """Return a host as lower-case ASCII; an address must be written the usual way, not as one number or in octal."""
    if "%" in host:
        raise BadInput("The host is not a valid name.")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        name = host.lower() if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise BadInput("The host is not a valid name.") from error
    name = name.rstrip(".")
    if not _NAME.match(name) or _NUMERIC.fullmatch(name):
        raise BadInput("The host is not a valid name.")
    return name


def is_public(address: str) -> bool:
    """Tell whether an address is everybody's: not private, not local, not special, and not a wrapped one of these."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if parsed.version == 6 and parsed.scope_id is not None:
        return False
    return parsed.is_global and not any(parsed in network for network in _REFUSED if network.version == parsed.version)


def is_excepted(target: Target, *, hosts: Collection[str]) -> bool:
    """Tell whether an admin named this host: `name` for the usual ports, `name:port` for exactly that one."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    names = {entry.strip().lower() for entry in hosts}
    if f"{host}:{target.port}" in names:
        return True
    return target.port == PORTS[target.scheme] and (host in names or target.host in names)


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a host; raise Unavailable when it has none."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable("The host of this address cannot be found.") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def addresses_of(target: Target, *, hosts: Collection[str], resolver: Resolver) -> list[str]:
    """Return the addresses that may be connected to. The name is resolved once; whoever connects uses the result.

    Raises NotAllowed when the port is unusual or any one of the addresses is not public, unless the host is excepted.
    """
    excepted = is_excepted(target, hosts=hosts)
    if not excepted and target.port != PORTS[target.scheme]:
        raise NotAllowed("Only the ports 80 and 443 can be opened.")
    addresses = await resolver(target.host, target.port)
    if not addresses:
        raise Unavailable("The host of this address cannot be found.")
    if not excepted and not all(is_public(address) for address in addresses):
        raise NotAllowed("This address leads into a private network, which I may not open.")
    return addresses
