"""The outside services of this layer, and how they are asked by the way: all of them are needed rarely or in silence.

Without Redis limits go on in memory, without a collector traces are dropped, and copies of backups and mails about
trouble are for the day on which they are needed: nobody would notice before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from urllib.parse import urlsplit

from django.conf import settings

from clawsite.core.errors import Unavailable
from clawsite.core.models import ServiceState
from clawsite.core.services import EVERY_SECONDS, Probe, register_probe, register_service
from clawsite.ops.backups.copying import SERVICE as STORE
from clawsite.ops.backups.places import remote_names, try_store
from clawsite.ops.selfalerts import mail, server

REDIS, COLLECTOR = "redis", "trace collector"
SECONDS = 3.0


def register() -> None:
    """Add them to the list."""
    _add(REDIS, lambda: _host(settings.REDIS_URL), lambda name: ask_redis)
    _add(COLLECTOR, lambda: _host(settings.CLAW_OTLP_URL), lambda name: ask_collector)
    _add(STORE, remote_names, lambda name: try_store)
    _add(server.SERVICE, server.server_names, _prepare_mail)


def _add(kind: str, names: Callable[[], Iterable[str]], prepare: Callable[[str], Callable[[], None]]) -> None:
    register_service(kind, names)
    register_probe(Probe(kind=kind, names=names, prepare=prepare, every=EVERY_SECONDS))


def _host(url: str) -> list[str]:
    """Return where an address leads, without what logs in there; nothing for a setting that is empty."""
    return [urlsplit(url).netloc.rpartition("@")[2] or urlsplit(url).path] if url else []


def ask_redis() -> None:
    """See whether Redis answers at all; Unavailable when not."""
    redis = import_module("redis")
    never = import_module("redis.retry").Retry(import_module("redis.backoff").NoBackoff(), 0)
    limits = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS, "retry": never}
    client = redis.Redis.from_url(settings.REDIS_URL, **limits)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        raise Unavailable(f"Redis does not answer ({type(error).__name__}).") from None
    finally:
        client.close()


def ask_collector() -> None:
    """See whether the collector takes traces; Unavailable when not."""
    if not import_module("clawsite.core.tracing.otlp").ask():
        raise Unavailable("The collector takes no traces.")


def _prepare_mail(name: str) -> Callable[[], None]:
    """Log in only while something is wrong: providers count logins, and twenty seconds are no time between two."""
    fails = ServiceState.objects.filter(kind=server.SERVICE, name=name[:200], failing_since__isnull=False).exists()
    return lambda: mail.try_server(log_in=fails)
