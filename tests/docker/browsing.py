"""`python -m tests.docker.browsing STOP URL...`: asks for pages until the file STOP exists, and prints what came."""

from __future__ import annotations

import itertools
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

PAUSE_SECONDS = 0.05


def fetch(url: str) -> str:
    """Return the status of a page, or the error."""
    context = ssl._create_unverified_context() if url.startswith("https:") else None  # noqa: S323 - made for the test
    try:
        with urllib.request.urlopen(url, timeout=30, context=context) as answer:  # noqa: S310 - the test's own
            return str(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return str(error.code)
    except OSError as error:
        return f"{type(error).__name__} {error}"


def main(stop: Path, urls: list[str]) -> None:
    """Browse, and print how often each status came."""
    seen: Counter[str] = Counter()
    for url in itertools.cycle(urls):
        if stop.exists():
            break
        seen[fetch(url)] += 1
        time.sleep(PAUSE_SECONDS)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
