"""The web role on a database of a test: `python -m tests.clawsite.gateway.program DATABASE`."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clawsite.settings")


def main() -> int:
    """Serve until told to stop."""
    import_module("clawsite.settings").DATABASES["default"]["NAME"] = sys.argv[1]
    django.setup(set_prefix=False)
    code: int = import_module("clawsite.management.roles").serve_web()
    return code


if __name__ == "__main__":
    sys.exit(main())
