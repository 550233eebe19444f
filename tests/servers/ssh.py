"""A real sshd on loopback: its own configuration, its own host key, and the keys that may come in."""

from __future__ import annotations

import os
from getpass import getuser
from pathlib import Path

from runbooks.workspaces.sync.keys import make_key
from tests.programs import need_program
from tests.servers.services import Service

# sshd wants it when it is run by root, and otherwise only a service manager makes it.
ROOTS_FOLDER = Path("/run/sshd")
_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
"""


class Sshd(Service):
    """One server. `allow` says who may come in; `new_host_key` makes it another host from its next start on."""

    name = "sshd"

    def __init__(self) -> None:
        super().__init__()
        self._program = need_program("sshd")
        self.host_key = ""
        self.directory.joinpath("config").write_text(_CONFIG.format(port=self.port, folder=self.directory))
        self.allow()
        self.new_host_key()

    def command(self) -> list[str]:
        """Run it in the foreground, with its log on stderr."""
        if os.getuid() == 0:
            ROOTS_FOLDER.mkdir(mode=0o755, exist_ok=True)
        return [self._program, "-D", "-e", "-f", str(self.directory / "config")]

    def allow(self, *public: str) -> None:
        """Let these keys in and no others."""
        self.directory.joinpath("authorized").write_text("".join(f"{key}\n" for key in public))

    def new_host_key(self) -> None:
        """Make a host key, in the place of the one there was."""
        made = make_key("host")
        path = self.directory / "host_key"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(made.private)
        self.host_key = " ".join(made.public.split()[:2])

    def url(self, path: Path) -> str:
        """Return the address of a repository on this machine, through this server."""
        return f"ssh://{getuser()}@127.0.0.1:{self.port}{path}"
