"""What `docker/deploy` understands, and the file that says where everything is."""

from __future__ import annotations

import argparse
import fcntl
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bluegreen.checks import Checks, Limits
from bluegreen.failure import AtWork, DeployFailed, Stopped, Unsettled
from bluegreen.journal import Journal
from bluegreen.places import Containers, Places, Processes, Units
from bluegreen.proxy import COLOURS, Proxy
from bluegreen.settling import Settling
from bluegreen.signals import stoppable
from bluegreen.status import describe, find_problems, name_work
from bluegreen.switch import Switch

HERE = Path(__file__).resolve().parent.parent
CONFIG = Path("/etc/clawsite/deploy.toml")
_HELP = """\
Puts a new version beside the live one, checks it, sends everybody there and lets the old one finish. When a check
fails, the old version stays and the new one is stopped; the exit code is 1.
"""
_SETTLE = "To have one version serve everybody and the other one stop: deploy settle"
# By kind: where a colour listens, and what makes the proxy read its file again.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "processes": {
        "root": "/opt/clawsite", "blue": "127.0.0.1:18791", "green": "127.0.0.1:18792",
        "reload": ["nginx", "-s", "reload"],
    },
    "systemd": {
        "root": "/opt/clawsite", "blue": "127.0.0.1:18791", "green": "127.0.0.1:18792",
        "reload": ["systemctl", "reload", "nginx"],
    },
    "compose": {
        "root": str(HERE / "nginx" / "live"), "blue": "172.30.250.11:18789", "green": "172.30.250.12:18789",
        "engine": "docker", "compose": ["docker", "compose", "--file", str(HERE / "compose.prod.yaml")],
    },
}  # fmt: skip
_NAMES = {
    "kind",
    "root",
    "blue",
    "green",
    "reload",
    "engine",
    "compose",
    "proxy",
    "ready_seconds",
    "smoke_seconds",
    "watch_seconds",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when the wanted version is live, or when nothing is left to settle."""
    options = _parser().parse_args(arguments)
    try:
        settings = read_config(options.config)
        root, limits = Path(settings["root"]), _limits(settings)
        checks = Checks(places=make_places(settings), proxy=make_proxy(settings), limits=limits)
        journal = Journal(root / "deploy.json")
        if options.release == "status":
            return _show(checks, journal, root)
        with _alone(root), stoppable():
            if options.release == "settle" or journal.read() is not None:
                _settle(checks, journal, must=options.release == "settle")
            if options.release != "settle":
                release = None if options.release == "back" else options.release
                Switch(checks, journal, say=_say).deploy(release, stop_first=options.stop_first)
    except Unsettled as error:
        _say(f"{error}\n{_SETTLE}")
        return 1
    except DeployFailed as error:
        _say(f"Not {'settled' if options.release == 'settle' else 'deployed'}. {error}")
        return 1
    return 0


def _limits(settings: dict[str, Any]) -> Limits:
    return Limits(**{name: settings[f"{name}_seconds"] for name in ("ready", "smoke", "watch")})


def _settle(checks: Checks, journal: Journal, *, must: bool) -> None:
    """Settle what a killed deployment has left. A new version may mend what this one cannot, unless it `must`."""
    _say("Settling what is left of a deployment that was interrupted." if journal.read() else "Settling.")
    try:
        Settling(checks, journal, say=_say).settle()
    except Stopped:
        raise
    except DeployFailed as error:
        if must:
            raise
        _say(f"It cannot be settled: {error}")


def _show(checks: Checks, journal: Journal, root: Path) -> int:
    """Say how things are; 1 when something is to be settled."""
    _say(describe(checks.places, checks.proxy))
    try:
        with _alone(root):
            problems = find_problems(checks.places, checks.proxy, journal)
    except AtWork:
        _say(name_work(journal))
        return 0
    for problem in problems:
        _say(problem)
    if problems:
        _say(_SETTLE)
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy", description=_HELP)
    parser.add_argument(
        "release",
        help="a folder with manage.py and .venv, or an image; or `back`: the version before; `status`: what runs; "
        "`settle`: after a deployment that was killed, have one version serve everybody and the other one stop",
    )
    parser.add_argument("--config", type=Path, default=CONFIG, help="where everything is (%(default)s)")
    parser.add_argument(
        "--stop-first", action="store_true", help="stop the old version before the database changes, when it must be"
    )
    return parser


def read_config(path: Path) -> dict[str, Any]:
    """Return the settings of the file, with the defaults of its kind; DeployFailed says what is wrong in it."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeployFailed(f"{path} cannot be read: {error.strerror}. See docker/deploy.toml for an example.") from None
    except tomllib.TOMLDecodeError as error:
        raise DeployFailed(f"{path} is no TOML: {error}") from None
    kind = found.get("kind")
    if kind not in _DEFAULTS:
        raise DeployFailed(f"{path}: kind must be one of {', '.join(_DEFAULTS)}.")
    if unknown := found.keys() - _NAMES:
        raise DeployFailed(f"{path}: there is no setting {', '.join(sorted(unknown))}.")
    common = {"proxy": "http://127.0.0.1:8080", "ready_seconds": 120.0, "smoke_seconds": 60.0, "watch_seconds": 10.0}
    return common | _DEFAULTS[kind] | found


def make_places(settings: dict[str, Any]) -> Places:
    """Return the two places of a configuration."""
    root = Path(settings["root"])
    if settings["kind"] == "processes":
        return Processes(root, {colour: settings[colour] for colour in COLOURS})
    if settings["kind"] == "systemd":
        return Units(root)
    return Containers(settings["compose"], engine=settings["engine"], env_file=HERE / ".env")


def make_proxy(settings: dict[str, Any]) -> Proxy:
    """Return the proxy of a configuration. In a compose file it is the service `nginx`."""
    reload = settings.get("reload") or [*settings["compose"], "exec", "-T", "nginx", "nginx", "-s", "reload"]
    addresses = {colour: settings[colour] for colour in COLOURS}
    return Proxy(
        file=Path(settings["root"]) / "upstream.conf", url=settings["proxy"], addresses=addresses, reload=reload
    )


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Let one deployment happen at a time."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / "deploy.lock").open("a")
    except PermissionError as error:
        raise DeployFailed(f"{error.filename} cannot be written: call this as the user who deploys.") from None
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AtWork("Another deployment is at work here.") from None
        yield


def _say(text: str) -> None:
    with suppress(OSError):  # a terminal that has gone must not end a deployment
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
