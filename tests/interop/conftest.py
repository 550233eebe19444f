"""Both gateways and the command line. OpenClaw's gateway costs ten seconds of a processor, so a worker starts one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.command import CommandLine
from tests.interop.installed import Installed, need_openclaw
from tests.interop.openclaw import OpenClawService
from tests.interop.targets import ANSWER, Target, open_ours, open_theirs
from tests.servers.messages import MessagesServer


@pytest.fixture(scope="session")
def openclaw() -> Installed:
    """The installation of the real OpenClaw."""
    return need_openclaw()


@pytest.fixture(scope="session")
def openclaw_model() -> Iterator[MessagesServer]:
    """The model behind both gateways, which always says the same."""
    with MessagesServer().running() as server:
        server.set_default(ANSWER)
        yield server


@pytest.fixture(scope="session")
def openclaw_gateway(openclaw: Installed, openclaw_model: MessagesServer) -> Iterator[OpenClawService]:
    """A real OpenClaw gateway; a test that kills it starts it again."""
    service = OpenClawService(openclaw, model_url=openclaw_model.url)
    try:
        service.start()
        yield service
    finally:
        service.remove()


@pytest.fixture(scope="module", params=["ours", pytest.param("theirs", marks=pytest.mark.soak)])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Our gateway and then OpenClaw's, each behind a proxy that keeps every frame."""
    if request.param == "theirs":
        with open_theirs(request.getfixturevalue("openclaw_gateway")) as theirs:
            yield theirs
        return
    home = tmp_path_factory.mktemp("interop") / "home"
    with open_ours(home, request.getfixturevalue("openclaw_model")) as ours:
        yield ours


@pytest.fixture
def command(openclaw: Installed, target: Target, tmp_path: Path) -> CommandLine:
    """The command line, configured for the target."""
    return CommandLine(openclaw, tmp_path, port=target.wire.port, token=target.token)
