"""Models of the serving layer: who may call the gateway, how people prove who they are, backups, and minutes."""

from clawsite.models.backup import Backup
from clawsite.models.device import GatewayDevice
from clawsite.models.minute import Minute
from clawsite.models.second_factor import Authenticator, RecoveryCode
from clawsite.models.token import GatewayToken

__all__ = ["Authenticator", "Backup", "GatewayDevice", "GatewayToken", "Minute", "RecoveryCode"]
