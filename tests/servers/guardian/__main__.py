"""`python -m tests.servers.guardian --port N`: run the example system by hand."""

from __future__ import annotations

import argparse

from tests.servers.guardian import TROUBLES, GuardianServer
from tests.servers.serving import serve_forever


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.servers.guardian", description=__doc__)
    parser.add_argument("--port", type=int, default=8001, help="0 takes a free one and prints it")
    parser.add_argument("--token", default="", help="a bearer token to ask for")
    parser.add_argument("--restart-seconds", type=float, default=0.0, help="how long a restart takes")
    parser.add_argument("--misbehave", action="append", default=[], choices=TROUBLES, help="begin with this trouble")
    arguments = parser.parse_args()
    server = GuardianServer(port=arguments.port, token=arguments.token, restart_seconds=arguments.restart_seconds)
    for trouble in arguments.misbehave:
        server.misbehave(trouble)
    serve_forever(server, "Transaction guardian")


if __name__ == "__main__":
    main()
