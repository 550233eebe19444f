"""Records of the guards. They hold subject strings, never foreign keys to other apps."""

from guardrails.models.approval import Approval
from guardrails.models.verdict import VerdictRecord

__all__ = ["Approval", "VerdictRecord"]
