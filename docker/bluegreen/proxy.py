"""The proxy in front of both colours. Invariant: the file it reads is the one record of which colour is live."""

from __future__ import annotations

import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

from bluegreen.failure import DeployFailed
from bluegreen.files import write_safely

COLOURS = ("blue", "green")
ANSWER_SECONDS = 5.0
RELOAD_SECONDS = 20.0
POLL_SECONDS = 0.05
# So many answers in a row from the new colour: every worker of the proxy has read its file.
IN_A_ROW = 20
_LIVE = re.compile(r"^# live: (blue|green)$", re.MULTILINE)
_TEXT = """\
# Written by docker/deploy, which reads it again: do not edit.
# live: {live}
upstream claw {{
    # The other colour takes what the live one cannot: what an old worker of the proxy still sends while it drains.
    server {address} max_fails=0;
    server {other} backup;
}}
map $host $claw_colour {{
    default {live};
}}
"""
_NOBODY = """\
# Written by docker/deploy: nothing is live yet.
upstream claw {{
    server {blue} max_fails=0;
    server {green} backup;
}}
map $host $claw_colour {{
    default none;
}}
"""


def other_than(colour: str) -> str:
    """Return the other colour."""
    return COLOURS[1 - COLOURS.index(colour)]


class Proxy:
    """nginx, by its file, its reload, and what it answers at `url`. addresses: host and port of each colour."""

    def __init__(self, *, file: Path, url: str, addresses: Mapping[str, str], reload: Sequence[str]) -> None:
        self.file = file
        self.url = url.rstrip("/")
        self.addresses = addresses
        self._reload = list(reload)

    def live(self) -> str | None:
        """Return the colour that people are sent to, None before the first deployment."""
        try:
            found = _LIVE.search(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return found.group(1) if found else None

    def told(self) -> str | None:
        """Return the colour that the proxy itself names, None when it names none or does not answer."""
        status, text = self.ask("/-/colour")
        return text if status == HTTPStatus.OK and text in COLOURS else None

    def send_to(self, colour: str) -> None:
        """Send everybody to a colour; returns once nobody is sent to the other any more."""
        text = _TEXT.format(live=colour, address=self.addresses[colour], other=self.addresses[other_than(colour)])
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_safely(self.file, text)
        self._read_again()
        self._wait_for(colour)

    def send_to_nobody(self) -> None:
        """Forget the first version, which failed: none was live before it."""
        write_safely(self.file, _NOBODY.format(**self.addresses))
        self._read_again()

    def _read_again(self) -> None:
        try:
            done = subprocess.run(self._reload, capture_output=True, text=True, timeout=RELOAD_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DeployFailed(f"The proxy could not be told to read its configuration: {error}") from None
        if done.returncode:
            raise DeployFailed(f"The proxy did not take its new configuration: {done.stderr.strip()[-500:]}")

    def _wait_for(self, colour: str) -> None:
        deadline, in_a_row = time.monotonic() + RELOAD_SECONDS, 0
        while in_a_row < IN_A_ROW:
            in_a_row = in_a_row + 1 if self.told() == colour else 0
            if time.monotonic() > deadline:
                raise DeployFailed(f"The proxy at {self.url} does not send people to {colour}.")
            time.sleep(POLL_SECONDS)

    def ask(self, path: str) -> tuple[int, str]:
        """Return status and text of a page; status 0 when nobody answers."""
        return ask(self.url + path)


def ask(url: str, *, host: str | None = None) -> tuple[int, str]:
    """Return status and text of a page; status 0 when nobody answers. host: under which name it is asked."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310 - this deployment's own
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - see above
            return answer.status, answer.read(1000).decode(errors="replace").strip()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(1000).decode(errors="replace").strip()
    except OSError as error:
        return 0, str(error)
