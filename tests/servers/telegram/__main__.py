"""`python -m tests.servers.telegram --port N [--token T ...]`: run the emulator by hand."""

from __future__ import annotations

import argparse
import time

from tests.servers.serving import serve_forever
from tests.servers.telegram import DEFAULT_TOKEN, TelegramServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.servers.telegram", description=__doc__)
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one and prints it")
    parser.add_argument("--token", action="append", help="a bot token to accept (repeat for more bots)")
    parser.add_argument("--user", action="append", default=[], metavar="NAME", help="a user to start with")
    parser.add_argument("--group", action="append", default=[], metavar="TITLE", help="a group to start with")
    arguments = parser.parse_args()
    server = TelegramServer(port=arguments.port, tokens=tuple(arguments.token or [DEFAULT_TOKEN]))
    server.world.count_on(int(time.time()))  # the bot may remember an earlier run
    for name in arguments.user:
        server.add_user(name)
    for title in arguments.group:
        server.add_group(title)
    serve_forever(server, "Telegram emulator")


if __name__ == "__main__":
    main()
