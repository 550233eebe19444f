"""A scripted gateway for tests of the client: it speaks the wire, keeps jobs, and does wrong what it is told to.

Built on the websockets server and on nothing of ours, so that a mistake of ours cannot be on both sides.
"""

from __future__ import annotations

from tests.servers.gateway.faults import Fault
from tests.servers.gateway.jobs import EmulatedJob, Jobs
from tests.servers.gateway.server import GatewayEmulator

__all__ = ["EmulatedJob", "Fault", "GatewayEmulator", "Jobs"]
