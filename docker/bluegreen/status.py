"""What `deploy status` says: who is live, what runs, and what is not as it should be."""

from __future__ import annotations

from bluegreen.journal import Entry, Journal
from bluegreen.places import Places
from bluegreen.proxy import COLOURS, Proxy


def describe(places: Places, proxy: Proxy) -> str:
    """Return which colour is live, and which run."""
    running = [colour for colour in COLOURS if places.is_running(colour)]
    return f"live: {proxy.live() or 'none'}\nrunning: {', '.join(running) or 'none'}"


def name_work(journal: Journal) -> str:
    """Return a sentence on the deployment that is at work."""
    entry = journal.read()
    return f"A deployment is at work{_of(entry)}." if entry else "A deployment is at work."


def find_problems(places: Places, proxy: Proxy, journal: Journal) -> list[str]:
    """Return what is not as it should be while no deployment is at work."""
    problems = []
    if entry := journal.read():
        problems.append(f"A deployment was interrupted{_of(entry)}.")
    live, told = proxy.live(), proxy.told()
    for colour in COLOURS:
        runs = places.is_running(colour)
        if runs and colour != live:
            problems.append(f"{colour} runs, though people are not sent there.")
        if colour == live and not runs:
            problems.append(f"{colour} is live and does not run.")
    if told != live:
        problems.append(f"The proxy sends people to {told}." if told else "The proxy does not answer.")
    return problems


def _of(entry: Entry) -> str:
    return f", of {entry.release} into {entry.new}: {entry.step}"
