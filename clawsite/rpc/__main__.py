"""`python -m clawsite.rpc METHOD [JSON]`: the command without Django, for machines that only call gateways."""

from __future__ import annotations

import os
import sys

from clawsite.rpc.command.options import Defaults
from clawsite.rpc.command.run import main

NAME = "CLAW_GATEWAY_TOKEN"

if __name__ == "__main__":
    ref = f"env:{NAME}" if NAME in os.environ else None
    sys.exit(main(sys.argv[1:], prog="python -m clawsite.rpc", defaults=Defaults(token_ref=ref, auth_words=NAME)))
