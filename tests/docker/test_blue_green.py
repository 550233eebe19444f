"""docker/deploy, with nginx and two versions on one database: nobody notices, and what is broken never gets anybody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docker.crowd import Crowd
from tests.docker.proxies import NginxService
from tests.docker.releases import break_pipeline, make_release
from tests.faults.conversation import Conversation
from tests.faults.stack import product_environment, wait_for
from tests.faults.store import Store
from tests.fixtures.reached import Figure, Reached
from tests.ports import free_port
from tests.programs import ROOT, need_program
from tests.servers.messages import MessagesServer
from tests.servers.telegram import TelegramServer
from tests.template import put_database

pytestmark = [pytest.mark.faults, pytest.mark.soak, pytest.mark.timeout(400)]
TOKEN = "token-of-the-blue-green-tests-0123456789"
READY_SECONDS = 90
NOBODY = "upstream claw { server 127.0.0.1:1; }\nmap $host $claw_colour { default none; }\n"


@dataclass(frozen=True, kw_only=True)
class Site:
    """One installation with its proxy, and what deploys to it."""

    root: Path
    home: Path
    proxy: NginxService
    people: Conversation
    telegram: TelegramServer

    def deploy(self, *arguments: str, code: int = 0) -> str:
        """Run docker/deploy to its end and return what it said."""
        done = subprocess.run(self._command(*arguments), capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def kill_at(self, sentence: str, *arguments: str) -> None:
        """Kill docker/deploy, and what it waits for, once it has said that."""
        command = self._command(*arguments)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as begun:
            assert begun.stdout is not None
            assert any(sentence in line for line in begun.stdout)
            os.killpg(begun.pid, signal.SIGKILL)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "docker/deploy"), "--config", str(self.root / "deploy.toml"), *arguments]

    def health(self) -> dict[str, object]:
        """Return what the live version says of itself."""
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.proxy.url}/health", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            told: dict[str, object] = json.load(answer)
        return told


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose first version is live."""
    root, nginx = tmp_path_factory.mktemp("site"), need_program("nginx")
    home = root / "home"
    servers = put_database(home)
    (root / "upstream.conf").write_text(NOBODY)
    with (
        TelegramServer().running() as telegram,
        MessagesServer().running() as model,
        NginxService.running(nginx, str(root / "upstream.conf")) as proxy,
    ):
        people = Conversation(telegram, count=3)
        settings = (
            product_environment(telegram, model)
            | servers
            | {
                "CLAW_HOME": str(home),
                "CLAW_GATEWAY_TOKEN": TOKEN,
                "CLAW_BEHIND_PROXY": "yes",
                "TELEGRAM_ALLOWED_USERS": people.allowed,
            }
        )
        (root / "clawsite.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        (root / "deploy.toml").write_text(
            f'kind = "processes"\nroot = "{root}"\nproxy = "{proxy.url}"\nreload = {json.dumps(proxy.reload)}\n'
            f'blue = "127.0.0.1:{free_port()}"\ngreen = "127.0.0.1:{free_port()}"\n'
            f"ready_seconds = {READY_SECONDS}\nsmoke_seconds = 15\nwatch_seconds = 1\n"
        )
        opened = Site(root=root, home=home, proxy=proxy, people=people, telegram=telegram)
        try:
            opened.deploy(str(make_release(root / "first", version="1.0.0")))
            yield opened
        finally:
            for colour in ("blue", "green"):
                stop(root, colour)


def stop(root: Path, colour: str) -> None:
    """Stop what runs in a place."""
    code = (
        "import sys; from pathlib import Path; from bluegreen.places import Processes;"
        "Processes(Path(sys.argv[1]), {}).stop(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, str(root), colour], cwd=ROOT / "docker", timeout=200, check=True)


def test_a_new_version_takes_over_under_load_and_a_broken_one_never_does(site: Site, reached: Reached) -> None:
    assert site.health()["version"] == "1.0.0"
    second = make_release(site.root / "second", version="2.0.0")
    broken = make_release(site.root / "broken", version="3.0.0")
    break_pipeline(broken)
    crowd = Crowd(site.proxy.port, site.people, token=TOKEN)

    with crowd.at_work():
        said = site.deploy(str(second))
        assert "green is live." in said
        assert site.health()["version"] == "2.0.0"
        refused = site.deploy(str(broken), code=1)

    assert "another instance did" in refused
    assert "green stays live." in refused
    assert site.health()["version"] == "2.0.0"
    assert site.deploy("status") == "live: green\nrunning: green\n"
    assert crowd.failed == []
    assert min(crowd.pages.values()) > 20
    assert crowd.calls > 20
    site.people.wait_answered(timeout=60)
    site.people.check()
    reached(
        17,
        "a new version beside the old one, then a broken one",
        Figure("pages", sum(crowd.pages.values())),
        Figure("calls", crowd.calls),
        Figure("failed", len(crowd.failed)),
        Figure("messages", sum(site.people.sent.values())),
        Figure("lost", 0),
        Figure("sent twice", 0),
    )
    store = Store(site.home)
    wait_for(lambda: store.waiting() == 0, timeout=60, what="nothing waits")
    assert store.value("SELECT count(*) FROM sessions_app_inbox WHERE state = 'dead'") == 0
    assert store.value("SELECT count(*) FROM runbooks_job WHERE kind = 'selftest'") == crowd.calls
    assert [call for call in site.telegram.calls(method="getUpdates") if call["status"] == 409] == []
    print(crowd.figures())


@pytest.mark.parametrize("sentence", ["Starting ", "Sending everybody to ", "Letting "])
def test_nobody_notices_that_a_deployment_was_killed(site: Site, sentence: str) -> None:
    before = str(site.health()["version"])
    named = sentence.split(maxsplit=1)[0].lower()
    third = make_release(site.root / named, version=f"3.{named}")
    crowd = Crowd(site.proxy.port, site.people, token=TOKEN, name=named)

    with crowd.at_work():
        site.kill_at(sentence, str(third))
        assert "A deployment was interrupted" in site.deploy("status", code=1)
        site.deploy("settle")
        assert site.deploy("status").count("\n") == 2
        after = site.health()["version"]

    # It is killed a moment after its sentence: whether the proxy was told by then is left to chance.
    assert after in {"Starting ": [before], "Sending everybody to ": [before, f"3.{named}"]}.get(
        sentence, [f"3.{named}"]
    )
    assert crowd.failed == []
    site.people.wait_answered(timeout=180)
    site.people.check()
    print(crowd.figures())


def test_the_version_before_comes_back_under_load_and_a_stop_is_short(site: Site) -> None:
    first = str(site.health()["version"])
    other = make_release(site.root / "other", version="4.0.0")
    site.deploy(str(other), "--stop-first")
    assert site.health()["version"] == "4.0.0"
    crowd = Crowd(site.proxy.port, site.people, token=TOKEN, name="back")

    with crowd.at_work():
        site.deploy("back")

    assert site.health()["version"] == first
    assert crowd.failed == []
    site.people.wait_answered(timeout=180)
    site.people.check()
    print(crowd.figures())
