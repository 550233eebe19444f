"""Looking into a running role: its tasks, threads, memory, sockets, and where its time goes.

A dump names places in the code and numbers, never values. It is asked for by a nudge, by SIGUSR2 or in the process
itself; what comes of it is a private file in CLAW_HOME/run/dumps. One at a time in a process, and never for long.
"""

from clawsite.ops.dumps.asking import Wanted, ask
from clawsite.ops.dumps.taking import KINDS, MOST_SECONDS, listen, on_signal, take

__all__ = ["KINDS", "MOST_SECONDS", "Wanted", "ask", "listen", "on_signal", "take"]
