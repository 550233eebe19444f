"""The way out for one exchange with a remote: what git is told so that it speaks to that host, as us, and nowhere else.

Secrets are in a private folder (0700, files 0600) for as long as the exchange takes, and in nothing that others can
read: no address, no argument, no environment. Only the remote's own protocol is allowed, and no redirect is followed.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

from django.conf import settings

from clawsite.core.errors import BadInput
from runbooks.workspaces.sync.addresses import HTTPS_PORT, Address

PROGRAMS = Path(__file__).resolve().parent / "programs"
# The name under which a host's keys stand in the file for one exchange: the host's own name is outside text.
HOST_ALIAS = "claw-remote"
CONNECT_SECONDS = 20
# A host of https that sends nothing for so long is away. Servers of git send a sign of life every five seconds.
SILENT_SECONDS = 30
# What a process left that was killed within an exchange. None takes so long.
STALE_SECONDS = 3600.0
_SSH_CONFIG = """\
Host *
  HostKeyAlias {alias}
  UserKnownHostsFile "{folder}/known_hosts"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  UpdateHostKeys no
  CheckHostIP no
  IdentityFile "{folder}/key"
  IdentitiesOnly yes
  IdentityAgent none
  PreferredAuthentications publickey
  BatchMode yes
  ForwardAgent no
  ControlMaster no
  PermitLocalCommand no
  ProxyCommand none
  ConnectTimeout {seconds}
  ServerAliveInterval 10
  ServerAliveCountMax 3
  LogLevel ERROR
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """What a remote is entered with: a deploy key and the host's pinned keys for ssh, a user and token for https."""

    key: str = field(default="", repr=False)
    host_keys: Sequence[str] = ()
    user: str = ""
    token: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """What git is given for one exchange."""

    config: tuple[str, ...]
    env: dict[str, str]


@contextmanager
def open_door(address: Address, login: Login) -> Iterator[Door]:
    """Yield what git needs to reach this address; when it is left, nothing of it is on the disk any more."""
    with private_folder() as folder:
        config = [
            "protocol.allow=never",
            f"protocol.{address.kind}.allow=always",
            "http.followRedirects=false",
            "http.lowSpeedLimit=1",
            f"http.lowSpeedTime={SILENT_SECONDS}",
            "credential.helper=",
        ]
        env: dict[str, str] = {}
        if address.kind == "ssh":
            env = _for_ssh(folder, login)
        elif address.kind == "https":
            config += [f"credential.helper=!{quote(str(PROGRAMS / 'credential'))}"]
            config += [f"http.sslCAInfo={settings.CLAW_CA_FILE}"] if settings.CLAW_CA_FILE else []
            env = _for_https(folder, address, login)
        yield Door(config=tuple(part for each in config for part in ("-c", each)), env=env)


def _for_ssh(folder: Path, login: Login) -> dict[str, str]:
    text = _SSH_CONFIG.format(alias=HOST_ALIAS, folder=folder, seconds=CONNECT_SECONDS)
    _write(folder / "config", text)
    _write(folder / "known_hosts", "".join(f"{HOST_ALIAS} {key}\n" for key in login.host_keys))
    _write(folder / "key", login.key)
    return {
        "GIT_SSH": str(PROGRAMS / "ssh"),
        "GIT_SSH_VARIANT": "ssh",
        "CLAW_SSH_CONFIG": str(folder / "config"),
    }


def _for_https(folder: Path, address: Address, login: Login) -> dict[str, str]:
    if not login.token:
        return {"CLAW_GIT_HOST": ""}
    if "\n" in login.token or "\n" in login.user:
        raise BadInput("A token is one line.")
    _write(folder / "login", f"username={login.user or 'git'}\npassword={login.token}\n")
    host = f"[{address.host}]" if ":" in address.host else address.host
    where = host if address.port == HTTPS_PORT else f"{host}:{address.port}"
    return {"CLAW_GIT_HOST": where, "CLAW_GIT_LOGIN": str(folder / "login")}


@contextmanager
def private_folder() -> Iterator[Path]:
    """Yield a folder that nobody else may enter, and remove it; those that a killed process left go as well."""
    root = settings.CLAW_HOME / "run" / "sync"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in root.iterdir():
        with suppress(FileNotFoundError):  # that of another exchange, which ends just now
            if time.time() - old.lstat().st_mtime > STALE_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text, encoding="utf-8")
