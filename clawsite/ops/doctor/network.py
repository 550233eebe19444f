"""Ports and addresses, and what containers and WSL2 do to them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from clawsite.ops.doctor.finding import Finding, bad, fine, note, warn
from clawsite.ops.running import running_roles

AREA = "network"
MACHINE = "machine"
SECONDS = 2.0
_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_ADDRESSES = ("ANTHROPIC_BASE_URL", "TELEGRAM_API_URL", "DATABASE_URL", "REDIS_URL")


def examine() -> Iterator[Finding]:
    """Look whether the port is ours, free, or somebody else's."""
    place = f"Port {settings.CLAW_PORT} of {settings.CLAW_HOST}"
    problem = _bind_problem()
    if "web" in running_roles():
        if problem:
            yield fine(AREA, f"{place} is served by this installation.")
        else:
            yield bad(AREA, f"The web role runs, but nobody listens on {place}.", "Restart it, and look into its log.")
    elif problem:
        yield bad(
            AREA,
            f"{place} cannot be used: {problem}.",
            "Stop what uses it (ss -ltnp shows what), or set CLAW_PORT or CLAW_HOST.",
        )
    else:
        yield fine(AREA, f"{place} is free.")
    if settings.CLAW_PUBLIC_URL:
        yield from _public_name()
        yield from _unknown_proxy()


def _bind_problem() -> str:
    """Return why the port cannot be taken now, "" when it can."""
    try:
        found = socket.getaddrinfo(settings.CLAW_HOST or None, settings.CLAW_PORT, type=socket.SOCK_STREAM)
    except OSError as error:
        return f"the address is not known ({error.strerror or error})"
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except OSError as error:
            return (error.strerror or str(error)).lower()
    return ""


def _public_name() -> Iterator[Finding]:
    host = urlsplit(settings.CLAW_PUBLIC_URL).hostname or ""
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        yield warn(
            AREA,
            f"The name {host} of CLAW_PUBLIC_URL has no address here.",
            "Enter it with the provider of your domain, or mend CLAW_PUBLIC_URL.",
        )


def _unknown_proxy() -> Iterator[Finding]:
    """Find a proxy, which somebody must have who is reached by https and has no certificate, that is not known of."""
    secure = settings.CLAW_PUBLIC_URL.startswith("https://")
    if secure and not settings.CLAW_BEHIND_PROXY and not settings.CLAW_TLS_CERT:
        yield warn(
            AREA,
            "CLAW_PUBLIC_URL is https, so there is a proxy, but CLAW_BEHIND_PROXY is off: everybody comes from one "
            "address, and wrong passwords of one lock out all.",
            "Have the proxy set X-Forwarded-For and X-Forwarded-Proto itself, then set CLAW_BEHIND_PROXY=yes.",
        )


def examine_machine() -> Iterator[Finding]:
    """Look for the pitfalls of containers and of WSL2."""
    found = [*(_container() if in_container() else ()), *(_wsl() if in_wsl() else ())]
    yield from found or [fine(MACHINE, "Neither a container nor WSL2 stands in the way.")]


def in_container(marks: tuple[Path, ...] = _MARKS) -> bool:
    """Tell whether this is a container of Docker or Podman."""
    return any(mark.exists() for mark in marks)


def in_wsl(version: Path = Path("/proc/version")) -> bool:
    """Tell whether this is Linux inside of Windows."""
    with suppress(OSError):
        return "microsoft" in version.read_text(encoding="utf-8", errors="replace").lower()
    return False


def _container() -> Iterator[Finding]:
    if is_loopback(settings.CLAW_HOST):
        yield warn(
            MACHINE,
            f"This is a container, and CLAW_HOST is {settings.CLAW_HOST}: a published port reaches nobody.",
            "Set CLAW_HOST=0.0.0.0 in the container and publish the port on 127.0.0.1 of the machine.",
        )
    for name in _ADDRESSES:
        host = _host_of(name)
        if host and is_loopback(host):
            yield warn(
                MACHINE,
                f"{name} points to {host}, which inside of a container is the container itself.",
                "Use the name of the service, or host.docker.internal and "
                "--add-host=host.docker.internal:host-gateway.",
            )


def _host_of(name: str) -> str:
    try:
        return urlsplit(str(getattr(settings, name, ""))).hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Tell whether only this machine, or this container, reaches an address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _wsl() -> Iterator[Finding]:
    home: Path = settings.CLAW_HOME.resolve()
    if home.is_relative_to("/mnt"):
        yield bad(
            MACHINE,
            f"{home} lies on a disk of Windows: locks do not hold there, and everybody can read it.",
            "Set CLAW_HOME to a folder below /home.",
        )
    yield note(
        MACHINE,
        "This is WSL2: other machines do not reach it, and its clock may stand still while Windows sleeps.",
        "Set networkingMode=mirrored in .wslconfig to be reached; after a sleep, hwclock -s sets the clock.",
    )
