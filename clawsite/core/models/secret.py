"""Named secrets that were entered instead of given by the environment, encrypted at rest."""

from __future__ import annotations

from django.db import models

from clawsite.core.crypto import EncryptedTextField


class Secret(models.Model):
    """One secret by its setting name, for example ANTHROPIC_API_KEY. The environment wins over it."""

    name = models.CharField(max_length=64, primary_key=True)
    value = EncryptedTextField()
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name
