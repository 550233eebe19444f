"""docker/deploy goes back by itself, and what a killed one leaves is told by `status` and settled by the next."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.standin_site import SECONDS, StandinSite, standin_site
from tests.faults.stack import wait_for

CLEAR = ("live: blue\nrunning: blue\n", "live: green\nrunning: green\n")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[StandinSite]:
    """A site whose first version is live, as blue."""
    with standin_site(tmp_path) as opened:
        opened.put_live(opened.release("first"))
        yield opened


def check_clear(site: StandinSite, serving: str) -> None:
    """Check that one version serves, that nothing else runs, and that `status` finds nothing to say."""
    assert site.who_serves() == serving
    assert site.who_runs() == [serving]
    assert site.deploy("status") in CLEAR


def kill_while(site: StandinSite, step: str) -> None:
    """Kill a deployment of `second` at a step."""
    command = {"put": "schemachanges", "tested": "smoke"}.get(step)
    second = site.release("second", **({f"hold_{command}": ""} if command else {}))
    place = {"switched": site.root / "reload", "finishing": site.root / "first" / "stop"}.get(step)
    if place:
        (place.parent / f"hold-{place.name}").touch()
    site.kill_at(place or second / str(command), str(second))


@pytest.mark.parametrize(
    ("step", "told", "serving"),
    [
        pytest.param("put", "it was being put there", "first", marks=pytest.mark.soak),
        ("tested", "it was being started and tested", "first"),
        ("switched", "people were being sent to it", "second"),
        ("finishing", "the old version was finishing", "second"),
    ],
)
def test_what_a_killed_deployment_leaves_is_told_and_settled(
    site: StandinSite, step: str, told: str, serving: str
) -> None:
    kill_while(site, step)

    said = site.deploy("status", code=1)
    assert f"A deployment was interrupted, of {site.root}/second into green: {told}." in said
    assert ("green runs, though people are not sent there." in said) == (step == "tested")
    assert site.who_serves() in ("first", "second")
    site.deploy("settle")
    check_clear(site, serving)


@pytest.mark.soak
@pytest.mark.parametrize("step", ["tested", "switched"])
def test_the_next_deployment_settles_it_too(site: StandinSite, step: str) -> None:
    kill_while(site, step)

    site.deploy(str(site.release("third")))

    check_clear(site, "third")


def test_after_a_failed_deployment_back_leads_to_the_version_before(site: StandinSite) -> None:
    site.deploy(str(site.release("second")))

    said = site.deploy(str(site.release("broken", fail_smoke="1")), code=1)

    assert "blue did not pass the smoke tests: smoke of broken" in said
    check_clear(site, "second")
    site.deploy("back")
    check_clear(site, "first")


@pytest.mark.soak
def test_there_is_nothing_to_go_back_to_at_first(site: StandinSite) -> None:
    assert "There is no version before this one." in site.deploy("back", code=1)
    check_clear(site, "first")


def test_a_first_version_that_fails_leaves_nothing_live(tmp_path: Path) -> None:
    with standin_site(tmp_path) as site:
        site.deploy(str(site.release("broken", fail_up="3")), code=1)

        assert site.deploy("status") == "live: none\nrunning: none\n"
        assert site.who_runs() == []


@pytest.mark.soak
def test_a_change_that_the_old_version_does_not_survive_needs_it_to_stop_first(site: StandinSite) -> None:
    second = str(site.release("second", fail_schemachanges="3"))

    assert "deploy with --stop-first" in site.deploy(second, code=1)
    check_clear(site, "first")
    assert "Stopping blue first" in site.deploy(second, "--stop-first")
    check_clear(site, "second")


def test_what_was_stopped_first_comes_back_when_the_new_version_fails(site: StandinSite) -> None:
    broken = site.release("broken", fail_up="3")

    said = site.deploy(str(broken), "--stop-first", code=1)

    assert "blue stays live.\nschemachanges of first" in said
    check_clear(site, "first")


def test_a_deployment_that_is_killed_while_nobody_serves_is_settled(site: StandinSite) -> None:
    second = site.release("second", hold_up="")
    site.kill_at(second / "up", str(second), "--stop-first")

    site.deploy("settle")

    assert len(site.who_runs()) == 1
    check_clear(site, site.who_serves())


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, *(pytest.param(each, marks=pytest.mark.soak) for each in (signal.SIGHUP, signal.SIGINT))],
)
def test_a_deployment_that_is_told_to_stop_goes_back(site: StandinSite, number: signal.Signals) -> None:
    second = site.release("second", hold_smoke="")
    with site.begin(str(second)) as begun:
        wait_for((second / "at-smoke").exists, timeout=SECONDS, what="the smoke tests")
        assert "A deployment is at work" in site.deploy("status")
        os.kill(begun.pid, number)
        said, _ = begun.communicate(timeout=SECONDS)

    assert "It was told to stop" in said
    check_clear(site, "first")


def test_a_deployment_that_is_told_to_stop_while_it_settles_begins_nothing(site: StandinSite) -> None:
    kill_while(site, "tested")
    stop = site.root / "second" / "hold-stop"
    stop.touch()
    with site.begin(str(site.release("third"))) as begun:
        wait_for((site.root / "second" / "at-stop").exists, timeout=SECONDS, what="green is being stopped")
        os.kill(begun.pid, signal.SIGTERM)
        stop.unlink()
        said, _ = begun.communicate(timeout=SECONDS)

    assert "Not deployed. It was told to stop (SIGTERM)." in said
    assert "interrupted, of" in site.deploy("status", code=1)
    site.deploy("settle")
    check_clear(site, "first")


def test_records_that_are_lost_or_spoilt_cost_nobody_the_live_version(site: StandinSite) -> None:
    (site.root / "upstream.conf").unlink()
    (site.root / "deploy.json").write_text("{}")
    assert "deploy.json cannot be read. Remove it" in site.deploy("status", code=1)
    (site.root / "deploy.json").unlink()

    assert "The proxy sends people to blue" in site.deploy(str(site.release("second")), code=1)
    site.deploy("settle")
    check_clear(site, "first")
