"""Taking secrets out of text that is about to be stored, shown to the model or written into an error."""

from __future__ import annotations

from clawsite.core.redaction import MASK, redact, redact_secrets

__all__ = ["MASK", "redact", "redact_secrets"]
