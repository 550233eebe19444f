"""`python -m tests.servers.messages --port N`: run the emulator by hand."""

from __future__ import annotations

import argparse

from tests.servers.messages import MessagesServer
from tests.servers.serving import serve_forever


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.servers.messages", description=__doc__)
    parser.add_argument("--port", type=int, default=8082, help="0 takes a free one and prints it")
    parser.add_argument("--text", help="always answer this (default: a small conversation)")
    parser.add_argument("--deltas", type=int, default=20, help="pieces an answer is streamed in")
    parser.add_argument("--pause", type=float, default=0.0, metavar="SECONDS", help="wait after each piece")
    parser.add_argument("--first-pause", type=float, default=0.0, metavar="SECONDS", help="wait before the first")
    arguments = parser.parse_args()
    server = MessagesServer(port=arguments.port)
    server.set_default(
        arguments.text, deltas=arguments.deltas, pause=arguments.pause, first_pause=arguments.first_pause
    )
    serve_forever(server, "Messages emulator")


if __name__ == "__main__":
    main()
