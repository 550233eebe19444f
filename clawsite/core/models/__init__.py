"""Models every layer may use."""

from clawsite.core.models.audit import AuditEvent
from clawsite.core.models.flag import FeatureFlag
from clawsite.core.models.process import Lease, Process
from clawsite.core.models.secret import Secret
from clawsite.core.models.service import BreakerRow, ServiceState
from clawsite.core.models.user import User

__all__ = ["AuditEvent", "BreakerRow", "FeatureFlag", "Lease", "Process", "Secret", "ServiceState", "User"]
