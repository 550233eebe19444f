"""The example of a system that is watched: a "transaction guardian" with health, stats, metrics, and trouble on demand.

`python -m tests.servers.guardian --port 8001` runs it by hand; its page has the buttons that make it misbehave.
"""

from tests.servers.guardian.controls import GuardianControl, GuardianControls
from tests.servers.guardian.server import GuardianServer
from tests.servers.guardian.world import MERCHANTS, TROUBLES, Trouble

__all__ = ["MERCHANTS", "TROUBLES", "GuardianControl", "GuardianControls", "GuardianServer", "Trouble"]
