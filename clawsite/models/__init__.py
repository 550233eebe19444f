"""Models of the serving layer: who may call the gateway."""

from clawsite.models.device import GatewayDevice
from clawsite.models.token import GatewayToken

__all__ = ["GatewayDevice", "GatewayToken"]
