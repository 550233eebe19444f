"""`python -m tests.servers.guardian.watch prometheus|alertmanager ...`: the real program beside the example system.

Writes the configuration into the folder that is given and becomes the program; its data stays in that folder.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from tests.servers.monitoring import alertmanager_command, prometheus_command, write_config

# As short as a person wants to wait who tries it out.
PACE = {"INTERVAL": "2s", "WAIT": "4s", "WINDOW": "1m", "GROUP_WAIT": "1s", "GROUP_INTERVAL": "5s"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.servers.guardian.watch", description=__doc__)
    parser.add_argument("program", choices=["prometheus", "alertmanager"])
    parser.add_argument("binary", help="the path of the program")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--guardian", default="", help="host:port of the example system")
    parser.add_argument("--alertmanager", default="", help="host:port of Alertmanager")
    parser.add_argument("--webhook", default="", help="where Alertmanager tells of alerts")
    parser.add_argument("--token", default="", help="the bearer token it sends there")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    if options.program == "prometheus":
        values = PACE | {"GUARDIAN": options.guardian, "ALERTMANAGER": options.alertmanager}
        names, make = ["prometheus.yml", "rules.yml"], prometheus_command
    else:
        values = PACE | {"WEBHOOK": options.webhook, "TOKEN": options.token}
        names, make = ["alertmanager.yml"], alertmanager_command
    for name in names:
        write_config(name, options.directory, values)
    command = make(options.binary, options.directory, options.port)
    os.execv(command[0], command)  # noqa: S606 - an argument list, no shell


if __name__ == "__main__":
    main()
