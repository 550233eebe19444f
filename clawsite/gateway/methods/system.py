"""system.info, gateway.identity.get: the machine and the installation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import platform
import socket
import time
from functools import lru_cache
from typing import Any

import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from clawsite.gateway.hot import HotAnswer
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method

_BEGUN = time.monotonic()


def read_info() -> dict[str, Any]:
    """Return what the protocol asks of a machine. nodeVersion is Python's, for there is no Node here."""
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(settings.CLAW_HOME))
    return {
        "machineName": socket.gethostname(),
        "hostname": socket.gethostname(),
        "platform": platform.system().lower(),
        "release": platform.release(),
        "arch": platform.machine(),
        "osLabel": f"{platform.system()} {platform.release()}",
        "nodeVersion": f"python {platform.python_version()}",
        "version": settings.VERSION,
        "pid": os.getpid(),
        "port": settings.CLAW_PORT,
        "uptimeMs": round((time.monotonic() - _BEGUN) * 1000),
        "cpuCount": os.cpu_count() or 1,
        "loadAverage": list(os.getloadavg()),
        "memoryTotalBytes": memory.total,
        "memoryFreeBytes": memory.available,
        "diskTotalBytes": disk.total,
        "diskAvailableBytes": disk.free,
    }


_info = HotAnswer(read_info, seconds=2.0)


@method("system.info", scope=Scope.READ, summary="The machine: memory, disk, load, versions.")
def info(call: Call, params: Params) -> Any:
    """Answer from memory."""
    return _info.get()


@method("gateway.identity.get", scope=Scope.READ, summary="The id by which to know this installation again.")
def get_identity(call: Call, params: Params) -> dict[str, str]:
    """Return the public half of a key that is made from SECRET_KEY, and its digest as id."""
    return _identity(settings.SECRET_KEY)


@lru_cache(maxsize=1)
def _identity(secret: str) -> dict[str, str]:
    seed = hmac.digest(secret.encode(), b"clawsite gateway identity", "sha256")
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    encoded = base64.urlsafe_b64encode(public).decode().rstrip("=")
    return {"deviceId": hashlib.sha256(public).hexdigest(), "publicKey": encoded}
