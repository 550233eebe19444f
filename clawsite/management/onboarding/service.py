"""The service step: a systemd unit for this checkout, shown before it is written, and the file with its settings."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import sys
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

from clawsite.management.onboarding.step import Wizard

NAME = "clawsite.service"
SYSTEM = Path("/etc/systemd/system")
_SETTING = re.compile(r"^(?:export\s+)?([A-Z][A-Z0-9_]*)=")


def run(wizard: Wizard) -> None:
    """Write the unit when that is wanted; say which settings belong into the environment otherwise."""
    kind = wizard.options["install_service"]
    if kind is None:
        _tell(wizard)
        return
    wizard.head("Service")
    directory = SYSTEM if kind == "system" else _user_directory()
    path, text = directory / NAME, unit(kind)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        wizard.say(f"{path} is there already, as it should be.")
    else:
        _write(wizard, path, text)
    keep_settings(wizard.lines, wizard)
    prefix = "systemctl" if kind == "system" else "systemctl --user"
    wizard.say(f"Start it now and at every boot: {prefix} daemon-reload && {prefix} enable --now {NAME}")
    if kind == "user":
        wizard.say("To keep it running after you log out: loginctl enable-linger")


def _tell(wizard: Wizard) -> None:
    if wizard.lines:
        wizard.head("Settings")
        wizard.say("Put these lines into the environment of clawsite (see .env.example):")
        for name, value in wizard.lines.items():
            wizard.say(f"{name}={value}")


def _user_directory() -> Path:
    """Return where systemd looks for the units of this user."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "systemd" / "user"


# The service may change its own state and nothing else. docker/systemd says what is not here, and why.
_CONFINED = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
PrivateTmp=yes
PrivateDevices=yes
ProtectControlGroups=yes
ProtectKernelModules=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
"""


def unit(kind: str) -> str:
    """Return the text of the unit for this checkout and this state directory."""
    start = " ".join(_quoted(part) for part in (sys.executable, str(settings.BASE_DIR / "manage.py"), "up"))
    owner = f"User={pwd.getpwuid(settings.CLAW_HOME.stat().st_uid).pw_name}\n" if kind == "system" else ""
    target = "multi-user.target" if kind == "system" else "default.target"
    home = _escaped(str(settings.CLAW_HOME))
    return (
        "[Unit]\nDescription=clawsite\nAfter=network-online.target\nWants=network-online.target\n\n"
        f"[Service]\n{owner}WorkingDirectory={_escaped(str(settings.BASE_DIR))}\nExecStart={start}\n"
        f'Environment="CLAW_HOME={home}"\nEnvironmentFile=-{_escaped(str(settings_file()))}\n'
        "Restart=always\nSuccessExitStatus=143\nRestartSec=5\n"
        f"KillMode=mixed\nTimeoutStopSec={settings.CLAW_DRAIN_SECONDS + 15}\n"
        f"{_confined(kind, home)}UMask=0077\n\n[Install]\nWantedBy={target}\n"
    )


def _confined(kind: str, home: str) -> str:
    """Return how the service is confined. A user's own systemd may do less: most of it takes root."""
    if kind != "system":
        return "NoNewPrivileges=yes\n"
    return f"{_CONFINED}ProtectSystem=strict\nReadWritePaths={' '.join(_writable(home))}\n"


def _writable(home: str) -> list[str]:
    """Return what the service may write to: its home, and what lies elsewhere and may not be there yet."""
    others = [Path(each).absolute() for each in (settings.CLAW_BACKUP_DIR, settings.CLAW_WAL_DIR) if each]
    elsewhere = [str(each) for each in others if not each.is_relative_to(settings.CLAW_HOME)]
    return [f'"{home}"', *(f'"-{_escaped(each)}"' for each in elsewhere)]


def _escaped(text: str) -> str:
    """Return text in which systemd finds no specifier; a line break would begin another setting."""
    if any(not char.isprintable() for char in text) or '"' in text or "\\" in text:
        raise CommandError(f"The path {text!r} cannot stand in a systemd unit. Move it to a plainer place.")
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    return f'"{_escaped(text).replace("$", "$$")}"'


def _write(wizard: Wizard, path: Path, text: str) -> None:
    wizard.say(f"{'This replaces' if path.exists() else 'This is'} {path}:\n\n{text}")
    if not wizard.agree("Write it?", default=True):
        wizard.say("Nothing was written.")
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.draft")
        draft.write_text(text, encoding="utf-8")
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as error:
        hint = " Run this with sudo, or use --install-service user." if isinstance(error, PermissionError) else ""
        raise CommandError(f"{path} cannot be written: {error.strerror}.{hint}") from None
    wizard.say(f"{path} is written.")


def settings_file() -> Path:
    """Return the file from which the service reads its settings."""
    path: Path = settings.CLAW_HOME / "clawsite.env"
    return path


def keep_settings(lines: dict[str, str], wizard: Wizard) -> None:
    """Put settings into the service's file, in one step; lines of other settings stay as they are, and whose it is."""
    if not lines:
        return
    path = settings_file()
    old = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    kept = [line for line in old if not (found := _SETTING.match(line)) or found.group(1) not in lines]
    text = "\n".join([*kept, *(f"{name}={value}" for name, value in lines.items())]) + "\n"
    _replace(path.resolve(), text)
    wizard.say(f"{', '.join(lines)}: set in {path}.")


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        shutil.copymode(path, draft)
        try:
            shutil.chown(draft, path.stat().st_uid, path.stat().st_gid)
        except PermissionError:
            draft.unlink()
            raise CommandError(f"{path} belongs to another account. Run this as that account, or with sudo.") from None
    draft.replace(path)
