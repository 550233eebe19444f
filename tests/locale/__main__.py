"""The command: python -m tests.locale update|compile|check."""

from __future__ import annotations

import sys

from django.conf import settings

from tests.locale import __doc__ as usage
from tests.locale.catalogs import LANGUAGES, PLACES, compiled, problems, update


def main(action: str) -> int:
    """Do one action for every catalog; the exit code is 1 when `check` finds something."""
    found = 0
    for place in PLACES:
        for language in LANGUAGES:
            if action == "update":
                print(update(place, language))
            elif action == "compile":
                place.po(language).with_suffix(".mo").write_bytes(compiled(place, language))
            else:
                lines = problems(place, language)
                found += len(lines)
                print(*lines, sep="\n", end="\n" if lines else "")
    return 1 if found else 0


if __name__ == "__main__":
    settings.configure(USE_I18N=False)  # templates are read, nothing of the product is started
    actions = {"update", "compile", "check"}
    if len(sys.argv) != 2 or sys.argv[1] not in actions:
        sys.exit(usage)
    sys.exit(main(sys.argv[1]))
