#!/usr/bin/env python3
"""The command line of clawsite: every management command starts here."""

from __future__ import annotations

import os
import sys

from clawsite.ops.stopping import end_by_default, end_on_signals

end_on_signals()  # before the imports that take time

try:
    from django.conf import settings
except ModuleNotFoundError:
    sys.exit(f"This Python has no Django. Use the one of ./run: .venv/bin/python {' '.join(sys.argv)}")
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line, load_command_class
from django.db import DatabaseError

from clawsite.core.dbtrouble import explain, is_trouble
from clawsite.core.folders import make_folder
from clawsite.ops.demo import set_demo_environment
from clawsite.ops.lean import skip_collecting, skip_unused_drivers
from clawsite.ops.succession import announce


def main() -> None:
    """Run one management command with the project's settings. Whatever it writes is its user's alone."""
    os.umask(0o077)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clawsite.settings")
    set_demo_environment(sys.argv, os.environ)
    skip_unused_drivers(sys.argv, os.environ)
    skip_collecting(sys.argv)
    if sys.argv[1:2] != ["up"]:
        end_by_default()
    try:
        if sys.argv[1:2] == ["rpc"]:
            # It needs no apps, and not loading them makes it start five times as fast.
            load_command_class("clawsite", "rpc").run_from_argv(sys.argv)
        else:
            if sys.argv[1:2] == ["up"]:
                announce(make_folder("CLAW_RUN_DIR", settings.RUN_DIR))
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"clawsite is not configured right: {error}")
    except DatabaseError as error:
        if not is_trouble(error):
            raise
        sys.exit(explain(error))
    except KeyboardInterrupt:
        print("Stopped before it was done. Run it again when you like.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
