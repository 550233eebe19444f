"""One soak, from the start of an installation to its figures."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.markdown import markdown
from tests.faults.gate import TOKEN
from tests.faults.site import open_site
from tests.soak.figures import Figure, Samples, judge, p99, sizes
from tests.soak.sockets import Programs
from tests.soak.watching import Watch
from tests.soak.writing import Writers

PEOPLE, SOCKETS = 50, 50
MESSAGES_PER_SECOND = 5.0
LOOK_SECONDS = 15.0
TELL_SECONDS = 300.0


def soak(folder: Path, *, minutes: float, tell: Callable[[str], None] = print) -> list[Figure]:
    """Load an installation in a folder for so long, and return the figures. `tell` hears now and then how it goes."""
    with open_site(folder / "home", people=PEOPLE, CLAW_GATEWAY_TOKEN=TOKEN, CLAW_DAY_USD="1000000") as site:
        samples, begin = Samples(seconds=minutes * 60), time.monotonic()
        watch = Watch(site.stack, samples, begin=begin)
        writers = Writers(site.people, samples, rate=MESSAGES_PER_SECOND, begin=begin)
        programs = Programs(site.stack.port, samples, many=SOCKETS, begin=begin)
        writers.start()
        programs.start()
        told = begin
        while (now := time.monotonic()) < begin + samples.seconds:
            watch.look()
            if now - told >= TELL_SECONDS:
                told = now
                minute = (now - begin) / 60
                tell(f"{minute:.0f} min: {samples.sent} written, {samples.connects} opened, {samples.cuts.total()} cut")
                tell(f"  {', '.join(sizes(samples))}; p99 {p99(samples, now - begin):.3f} s")
            time.sleep(max(0.0, min(LOOK_SECONDS, begin + samples.seconds - time.monotonic())))
        writers.stop()
        programs.stop()
        return judge(samples)


def to_table(figures: list[Figure]) -> str:
    """Return the figures as a Markdown table."""
    rows = [(figure.name, figure.value, figure.limit, "" if figure.good else "beyond") for figure in figures]
    return markdown(("figure", "measured", "limit", ""), rows)
