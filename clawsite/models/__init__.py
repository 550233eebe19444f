"""Models of the serving layer: callers of the gateway, second factors, backups, minutes, and our own troubles."""

from clawsite.models.backup import Backup
from clawsite.models.device import GatewayDevice
from clawsite.models.minute import Minute
from clawsite.models.second_factor import Authenticator, RecoveryCode
from clawsite.models.self_alert import SelfAlert
from clawsite.models.token import GatewayToken

__all__ = ["Authenticator", "Backup", "GatewayDevice", "GatewayToken", "Minute", "RecoveryCode", "SelfAlert"]
