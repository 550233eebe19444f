"""Models of the serving layer: who may call the gateway, and the backups there are."""

from clawsite.models.backup import Backup
from clawsite.models.device import GatewayDevice
from clawsite.models.token import GatewayToken

__all__ = ["Backup", "GatewayDevice", "GatewayToken"]
