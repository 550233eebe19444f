"""The image and both stacks in a container engine: they come up, answer, switch and stop (./test --containers)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docker.engines import Engine, asking_health, make_base, open_engine
from tests.docker.reading import DOCKER
from tests.faults.stack import wait_for
from tests.programs import ROOT

pytestmark = [pytest.mark.containers, pytest.mark.timeout(3600)]
BASE, IMAGE, BROKEN = "localhost/clawsite-base:bookworm", "localhost/clawsite:tested", "localhost/clawsite:broken"
STANDINS = ("postgres", "redis", "nginx")
HTTP, HTTPS, DEPLOY = 18180, 18143, 18188
# What Debian's base brings is not ours.
OWN_MEGABYTES = 550
BREAKING = (
    "import re, pathlib; path = pathlib.Path('/app/bots/pipeline.py'); text = path.read_text();"
    r"head = r'(    async def run_row\(.*\) -> bool:\n        \"\"\".*\"\"\"\n)';"
    r"new, count = re.subn(head, r'\1        return False\n', text); assert count == 1; path.write_text(new)"
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine() as opened:
        make_base(opened, BASE)
        opened.build(ROOT, "--build-arg", f"BASE={BASE}", "--file", str(DOCKER / "Dockerfile"), "--tag", IMAGE)
        yield opened


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of docker/ in which an installation may keep its own files."""
    shutil.copytree(DOCKER, tmp_path / "docker", ignore=shutil.ignore_patterns("secrets", "live", ".env"))
    return tmp_path / "docker"


@contextmanager
def stack(engine: Engine, file: Path, *, colours: bool = False) -> Iterator[list[str]]:
    """Give the compose command of a file, and take everything down at the end."""
    compose = [*engine.compose, "--file", str(file)]
    profiles = ["--profile", "blue", "--profile", "green"] if colours else []
    try:
        yield compose
    finally:
        engine.call([*compose, *profiles, "down", "--volumes"], seconds=300)


def test_the_image_holds_little_beside_its_base(engine: Engine) -> None:
    sizes = [int(engine.run("image", "inspect", "--format", "{{.Size}}", tag)) for tag in (IMAGE, BASE)]
    whole, own = sizes[0] / 1e6, (sizes[0] - sizes[1]) / 1e6
    print(f"the image: {whole:.0f} MB, of which {own:.0f} MB are not its base")

    assert own < OWN_MEGABYTES


def test_one_machines_stack_comes_up_answers_and_stops(engine: Engine, place: Path) -> None:
    with stack(engine, place / "compose.yaml") as compose:
        engine.call([*compose, "up", "--detach"], CLAW_IMAGE=IMAGE, CLAW_PUBLISH=str(HTTP))
        (name,) = engine.run("ps", "--filter", "name=clawsite", "--format", "{{.Names}}").split()
        wait_for(lambda: engine.is_healthy(name), timeout=120, what="the stack is healthy")

        assert "It answered a message" in engine.run("exec", name, "python", "manage.py", "smoke")
        assert engine.run("exec", name, "id", "-u") == "10001"
        status = engine.run("exec", name, "cat", "/proc/1/status")
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
        engine.call([engine.name, "exec", name, "touch", "/app/x"], code=1)
        page = f"http://127.0.0.1:{HTTP}/readyz"
        fetch = f"import urllib.request as u; print(u.urlopen('{page}').status)"
        assert engine.call([sys.executable, "-c", fetch]) == "200"
        engine.run("stop", "--time", "40", name)
        assert engine.run("inspect", "--format", "{{.State.ExitCode}}", name) == "0"


def test_the_production_stack_switches_versions_and_refuses_a_broken_one(engine: Engine, place: Path) -> None:
    for target in STANDINS:
        options = ["--build-arg", f"BASE={BASE}", "--target", target, "--tag", f"localhost/clawsite-{target}:tested"]
        engine.build(ROOT / "tests" / "docker" / "standins", *options)
    make_broken(engine, place)
    subprocess.run([place / "prepare", "claw.test"], check=True, capture_output=True, timeout=60)
    settings = {f"{name.upper()}_IMAGE": f"localhost/clawsite-{name}:tested" for name in STANDINS}
    settings |= {"CLAW_HTTP": str(HTTP), "CLAW_HTTPS": str(HTTPS), "CLAW_DEPLOY_PORT": str(DEPLOY)}
    with (place / ".env").open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in settings.items())
    watched = [f"clawsite_{name}_1" if engine.name == "podman" else f"clawsite-{name}-1" for name in STANDINS]
    with stack(engine, place / "compose.prod.yaml", colours=True) as compose:
        write_config(engine, place, compose)
        engine.call([*compose, "up", "--detach", *STANDINS], seconds=300)
        with asking_health(engine, *watched):
            assert "blue is live." in deploy(engine, place, IMAGE)
            with browsing(engine, place) as seen:
                assert "green is live." in deploy(engine, place, IMAGE)
                refused = deploy(engine, place, BROKEN, code=1)
        assert "green stays live." in refused
        assert deploy(engine, place, "status") == "live: green\nrunning: green"
        assert seen.keys() == {"200"}
        assert seen["200"] > 100


def make_broken(engine: Engine, place: Path) -> None:
    """Make an image whose bots are ready and answer nothing."""
    folder = place.parent / "broken"
    folder.mkdir()
    steps = [f"FROM {IMAGE}", "USER 0", f'RUN ["python", "-c", {json.dumps(BREAKING)}]', "USER 10001:10001"]
    (folder / "Dockerfile").write_text("\n".join(steps) + "\n")
    engine.build(folder, "--tag", BROKEN)


def write_config(engine: Engine, place: Path, compose: list[str]) -> None:
    lines = ['kind = "compose"', f'proxy = "http://127.0.0.1:{DEPLOY}"', f"compose = {json.dumps(compose)}"]
    lines += [f'engine = "{engine.name}"', "ready_seconds = 180", "smoke_seconds = 30", "watch_seconds = 3"]
    (place / "deploy.toml").write_text("\n".join(lines) + "\n")


def deploy(engine: Engine, place: Path, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, str(place / "deploy"), "--config", str(place / "deploy.toml"), *arguments]
    said = engine.call(command, seconds=600, code=code)
    print(said)
    return said


@contextmanager
def browsing(engine: Engine, place: Path) -> Iterator[dict[str, int]]:
    """Ask for pages through the proxy, with and without TLS, for the length of a block; then give what came."""
    seen: dict[str, int] = {}
    stop = place / "stop"
    urls = [f"http://127.0.0.1:{DEPLOY}/readyz", f"https://127.0.0.1:{HTTPS}/healthz"]
    urls.append(f"https://127.0.0.1:{HTTPS}/static/web/base.css")
    command = [*engine.prefix, sys.executable, "-m", "tests.docker.browsing", str(stop), *urls]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as browser:
        try:
            yield seen
        finally:
            stop.touch()
            seen |= json.loads(browser.communicate(timeout=60)[0])
