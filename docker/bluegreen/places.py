"""Where the two versions run: as plain processes, as systemd units, or as containers of a compose file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from bluegreen.failure import DeployFailed
from bluegreen.proxy import other_than
from bluegreen.settings import read_settings, write_setting

COMMAND_SECONDS = 600.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.1


def run(command: Sequence[str], **options: object) -> tuple[int, str]:
    """Run a command to its end; return its exit code and what it printed. DeployFailed when it cannot be."""
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=COMMAND_SECONDS, check=False, **options,
        )  # fmt: skip
    except OSError as error:
        raise DeployFailed(f"{command[0]} cannot be started: {error.strerror}.") from None
    except subprocess.TimeoutExpired:
        raise DeployFailed(f"{' '.join(command)} did not end within {COMMAND_SECONDS:.0f} s.") from None
    return done.returncode, str(done.stdout).strip()[-4000:]


def must(command: Sequence[str]) -> str:
    """Run a command that has to work; DeployFailed with what it printed."""
    code, text = run(command)
    if code:
        raise DeployFailed(f"{' '.join(command)} ended with {code}: {text}")
    return text


class Places(Protocol):
    """The two places where a version can run, by colour."""

    def put(self, colour: str, release: str) -> None:
        """Give a place a release; nothing runs there."""

    def release(self, colour: str) -> str | None:
        """Return what was put there, None for an empty place."""

    def forget(self, colour: str) -> None:
        """Make a place empty."""

    def start(self, colour: str) -> None:
        """Start what is there."""

    def stop(self, colour: str) -> None:
        """Let what runs there finish and stop; nothing to do is fine."""

    def keep(self, colour: str) -> None:
        """Have this one come back after a reboot, and not the other."""

    def is_running(self, colour: str) -> bool:
        """Tell whether it has not ended."""

    def manage(self, colour: str, *arguments: str) -> tuple[int, str]:
        """Run a management command of the release there; return its exit code and what it printed."""


class Links:
    """Releases are folders with a .venv; a colour is a link to one of them below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, colour: str, release: str) -> None:
        """Lead the colour's link to the release, in one step."""
        folder = Path(release).resolve()
        if not (folder / "manage.py").is_file() or not (folder / ".venv/bin/python").exists():
            raise DeployFailed(f"{folder} is no release: it needs manage.py and .venv. Run ./run there once.")
        self.root.mkdir(parents=True, exist_ok=True)
        draft = self.root / f".{colour}.draft"
        draft.unlink(missing_ok=True)
        draft.symlink_to(folder)
        draft.replace(self.root / colour)

    def release(self, colour: str) -> str | None:
        """Return the folder that the colour leads to."""
        link = self.root / colour
        return str(link.readlink()) if link.is_symlink() else None

    def forget(self, colour: str) -> None:
        """Lead the colour nowhere."""
        (self.root / colour).unlink(missing_ok=True)

    def command(self, colour: str, *arguments: str) -> list[str]:
        """Return what runs a management command of the release that the colour leads to."""
        folder = self.root / colour
        return [str(folder / ".venv/bin/python"), str(folder / "manage.py"), *arguments]


class Processes(Links):
    """Plain processes, for a machine without systemd and for tests. Their settings are in root/clawsite.env."""

    def __init__(self, root: Path, addresses: Mapping[str, str]) -> None:
        super().__init__(root)
        self._addresses = addresses

    def start(self, colour: str) -> None:
        """Start the supervisor in a session of its own; it writes into root/<colour>.log.

        It notes its own number first: should this program be killed now, the next one knows what runs.
        """
        noting = ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self._noted(colour)), *self.command(colour, "up")]
        with (self.root / f"{colour}.log").open("ab") as log:
            begun = subprocess.Popen(
                noting, cwd=self.root / colour, env=self._environment(colour),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + STOP_SECONDS
        while not self.is_running(colour) and begun.poll() is None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def stop(self, colour: str) -> None:
        """Ask the supervisor to stop, and kill it when it does not in time; its roles end by themselves then."""
        pid = self._find_pid(colour)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if pid is None:
                return
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while self._find_pid(colour) == pid and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
            pid = self._find_pid(colour)

    def keep(self, colour: str) -> None:
        """Nothing: plain processes do not come back after a reboot."""

    def is_running(self, colour: str) -> bool:
        """Tell whether its supervisor runs."""
        return self._find_pid(colour) is not None

    def manage(self, colour: str, *arguments: str) -> tuple[int, str]:
        """Run a management command with the colour's settings."""
        return run(self.command(colour, *arguments), cwd=self.root / colour, env=self._environment(colour))

    def _noted(self, colour: str) -> Path:
        return self.root / f"{colour}.pid"

    def _find_pid(self, colour: str) -> int | None:
        """Return the process of the supervisor, also of one that is still beginning; None when it has ended."""
        return self._find_recorded(colour) or self._find_noted(colour)

    def _find_noted(self, colour: str) -> int | None:
        try:
            pid = int(self._noted(colour).read_text(encoding="ascii"))
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(self.root / colour / "manage.py").encode() in words else None

    def _find_recorded(self, colour: str) -> int | None:
        try:
            record = json.loads((self.root / f"run-{colour}" / "supervisor.json").read_text(encoding="utf-8"))
            fields = Path(f"/proc/{record['pid']}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except (OSError, ValueError):
            return None
        lives = fields[0] not in "ZXx" and int(fields[19]) == record["started"]
        return int(record["pid"]) if lives else None

    def _environment(self, colour: str) -> dict[str, str]:
        host, _, port = self._addresses[colour].rpartition(":")
        own = {
            "CLAW_HOST": host, "CLAW_PORT": port, "CLAW_INSTANCE": colour,
            "CLAW_RUN_DIR": str(self.root / f"run-{colour}"),
        }  # fmt: skip
        return {**os.environ, **read_settings(self.root / "clawsite.env"), **own}


class Units(Links):
    """Units of docker/systemd: clawsite@blue and clawsite@green, with settings in /etc/clawsite."""

    user = "clawsite"
    settings = "/etc/clawsite"

    def start(self, colour: str) -> None:
        """Start the unit."""
        must(["systemctl", "start", f"clawsite@{colour}.service"])

    def stop(self, colour: str) -> None:
        """Stop the unit, which waits for what it has begun."""
        must(["systemctl", "stop", f"clawsite@{colour}.service"])

    def keep(self, colour: str) -> None:
        """Have this one start at every boot, and not the other."""
        must(["systemctl", "disable", f"clawsite@{other_than(colour)}.service"])
        must(["systemctl", "enable", f"clawsite@{colour}.service"])

    def is_running(self, colour: str) -> bool:
        """Tell whether the unit is active or becoming so."""
        return run(["systemctl", "is-active", f"clawsite@{colour}.service"])[1] in ("active", "activating")

    def manage(self, colour: str, *arguments: str) -> tuple[int, str]:
        """Run a management command as the service's user with the service's settings."""
        files = [f"--property=EnvironmentFile={self.settings}/{name}.env" for name in ("clawsite", colour)]
        folder = f"--property=WorkingDirectory={self.root / colour}"
        # The folder of what runs now is the unit's own; it stays when this command ends.
        place = [f"--property=RuntimeDirectory=clawsite-{colour}", "--property=RuntimeDirectoryPreserve=yes"]
        options = ["--quiet", "--collect", "--wait", "--pipe", f"--uid={self.user}", folder, *files, *place]
        return run(["systemd-run", *options, *self.command(colour, *arguments)])


class Containers:
    """Services blue and green of a compose file; a release is an image. Which ones run stands in its .env file."""

    def __init__(self, compose: Sequence[str], *, engine: str, env_file: Path) -> None:
        self._compose = list(compose)
        self._engine = engine
        self._env_file = env_file

    def put(self, colour: str, release: str) -> None:
        """Note the image of the colour."""
        write_setting(self._env_file, f"CLAW_{colour.upper()}_IMAGE", release)

    def release(self, colour: str) -> str | None:
        """Return the image that was noted for the colour."""
        return read_settings(self._env_file).get(f"CLAW_{colour.upper()}_IMAGE")

    def forget(self, colour: str) -> None:
        """Note no image for the colour."""
        write_setting(self._env_file, f"CLAW_{colour.upper()}_IMAGE", None)

    def start(self, colour: str) -> None:
        """Start the service, and what it depends on."""
        must([*self._compose, "--profile", colour, "up", "--detach", colour])

    def stop(self, colour: str) -> None:
        """Stop the service within its grace period."""
        if self.is_running(colour):
            must([*self._compose, "--profile", colour, "stop", colour])

    def keep(self, colour: str) -> None:
        """Have `compose up` start this one, and not the other."""
        write_setting(self._env_file, "COMPOSE_PROFILES", colour)

    def is_running(self, colour: str) -> bool:
        """Tell whether the service's container runs."""
        code, text = run([self._engine, "inspect", "--format", "{{.State.Running}}", f"clawsite-{colour}"])
        return code == 0 and text == "true"

    def manage(self, colour: str, *arguments: str) -> tuple[int, str]:
        """Run a management command in the service's container, or in one of its own while there is none."""
        compose = [*self._compose, "--profile", colour]
        if self.is_running(colour):
            return run([*compose, "exec", "-T", colour, "python", "manage.py", *arguments])
        return run([*compose, "run", "--rm", "-T", colour, *arguments])
