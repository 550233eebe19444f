"""TLS on the web role's own socket, for set-ups without a proxy. Certificates are read again when their files change.

Clients may show a certificate of CLAW_TLS_CLIENT_CA and need not; one of anybody else's ends the connection.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from django.conf import settings
from OpenSSL import SSL
from twisted.protocols.tls import TLSMemoryBIOFactory

logger = logging.getLogger(__name__)


def is_on() -> bool:
    """Tell whether this installation speaks TLS itself."""
    return bool(settings.CLAW_TLS_CERT and settings.CLAW_TLS_KEY)


class Certificates:
    """What Twisted asks for the context of each new connection."""

    def __init__(self) -> None:
        self._stamp: tuple[int, ...] = ()
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)

    def getContext(self) -> SSL.Context:
        """Return the context of the files as they are now; a broken new one leaves the old in use."""
        stamp = tuple(map(_stamp, _files()))
        if stamp != self._stamp:
            try:
                self._context = _make()
            except (OSError, SSL.Error) as error:
                if not self._stamp:
                    raise
                logger.warning("the new certificate cannot be used, the old one stays: %s", error)
            self._stamp = stamp
        return self._context


def _stamp(path: str) -> int:
    """Return when a file was changed, 0 when it is not there."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _files() -> list[str]:
    named = (settings.CLAW_TLS_CERT, settings.CLAW_TLS_KEY, settings.CLAW_TLS_CLIENT_CA)
    return [path for path in named if path]


def _make() -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.use_certificate_chain_file(settings.CLAW_TLS_CERT)
    context.use_privatekey_file(settings.CLAW_TLS_KEY)
    context.check_privatekey()
    if settings.CLAW_TLS_CLIENT_CA:
        context.load_verify_locations(settings.CLAW_TLS_CLIENT_CA)
        context.set_verify(SSL.VERIFY_PEER, lambda connection, cert, error, depth, ok: bool(ok))
        context.set_session_id(b"clawsite")
    return context


class TlsEndpoint:
    """An endpoint whose connections speak TLS."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain
        self._certificates = Certificates()
        self._certificates.getContext()  # a wrong file stops the start

    def listen(self, factory: Any) -> Any:
        """Listen, with TLS around what the factory makes."""
        around = TLSMemoryBIOFactory(self._certificates, False, factory)  # type: ignore[arg-type]  # it asks getContext()
        return self._plain.listen(around)
