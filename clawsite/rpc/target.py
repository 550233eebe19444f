"""A gateway as its clients know it: where it is, how to get in, and what work it is for."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from clawsite.rpc.errors import BadTarget
from clawsite.rpc.tokens import TokenRef, check_token_ref, read_token

DIRECT = "direct"


@dataclass(frozen=True, kw_only=True, slots=True)
class TlsOptions:
    """Files for wss. `ca_file`: trust this authority alone; `cert_file` and `key_file`: show who we are."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    key_password_ref: TokenRef | None = None

    def make_context(self) -> ssl.SSLContext:
        """Return a context with what the files hold now; BadTarget when they cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file:
                # With a password, if an empty one, OpenSSL never asks at the terminal.
                password = read_token(self.key_password_ref)
                context.load_cert_chain(self.cert_file, self.key_file, password=password)
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror or type(error).__name__
            raise BadTarget(f"The certificate files cannot be used: {reason}.") from None
        return context


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayTarget:
    """One gateway.

    ws_url: ws://host:port or wss://…; http_url: its pages, for people. token_ref: where the token is (tokens.py).
    allowed_repos: patterns such as `acme/*` of the repositories it may work on; labels: what it can do; kinds: the
    kinds of task it takes, () for all; capacity: how many jobs at once. proxy: http://…, or "direct" for none; left
    empty, the environment decides, except for this machine itself. allow_plain: send the token unencrypted even to
    a public address.
    """

    id: str
    ws_url: str
    name: str = ""
    http_url: str = ""
    token_ref: TokenRef | None = None
    allowed_repos: tuple[str, ...] = ("*",)
    labels: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    capacity: int = 1
    tls: TlsOptions = TlsOptions()
    proxy: str = field(default="", repr=False)
    allow_plain: bool = False

    def __post_init__(self) -> None:
        """Refuse what could never work, or would show a secret."""
        if not self.id:
            raise BadTarget("A target needs an id.")
        if self.capacity < 1:
            raise BadTarget(f"Target {self.id}: capacity must be at least 1.")
        if self.token_ref is not None:
            check_token_ref(self.token_ref)
        self._check_address()

    def _check_address(self) -> None:
        try:
            url = urlsplit(self.ws_url)
            host, _ = url.hostname, url.port
        except ValueError:
            host, url = None, urlsplit("")
        if url.scheme not in ("ws", "wss") or not host:
            raise BadTarget(f"Target {self.id}: the address must look like ws://host:port or wss://host.")
        if url.username or url.password or url.query or url.fragment:
            raise BadTarget(f"Target {self.id}: the address must carry no user, password, query or fragment.")
        if url.scheme == "ws" and not self.allow_plain and not _is_near(host):
            raise BadTarget(f"Target {self.id}: {host} is a public address; use wss:// so that the token stays secret.")

    @property
    def is_secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.ws_url.startswith("wss:")

    @property
    def is_this_machine(self) -> bool:
        """Whether the gateway is here, so that no proxy is meant."""
        host = urlsplit(self.ws_url).hostname or ""
        return host == "localhost" or _is(host, "is_loopback")


def _is_near(host: str) -> bool:
    """Tell whether a host is on this machine or in a private network, as far as its name shows."""
    if "." not in host and ":" not in host:
        return True
    return host.endswith((".local", ".internal", ".localhost", ".ts.net")) or any(
        _is(host, what) for what in ("is_loopback", "is_private", "is_link_local")
    )


def _is(host: str, what: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host), what))
    except ValueError:
        return False
