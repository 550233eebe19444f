"""The eight parts of every prompt, as rows an admin can edit, and their changes for single sessions."""

from __future__ import annotations

from django.db import models

from sessions_app.models.session import Session


class PromptLayer(models.Model):
    """One layer. Lower priority numbers are kept longest; core is never cut."""

    key = models.CharField(max_length=16, unique=True)
    title = models.CharField(max_length=64)
    priority = models.PositiveSmallIntegerField(unique=True)
    budget = models.PositiveIntegerField(help_text="Tokens at the most.")
    text = models.TextField(blank=True, help_text="Empty where the layer is made from data.")
    enabled = models.BooleanField(default=True)

    class Meta:
        """In the order of the prompt."""

        ordering = ["priority"]

    def __str__(self) -> str:
        return self.title


class SessionLayer(models.Model):
    """What one session says in a layer instead of the general text."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="layers")
    layer = models.ForeignKey(PromptLayer, on_delete=models.CASCADE, related_name="overrides")
    text = models.TextField(blank=True)
    budget = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        """One override for each layer of a session."""

        verbose_name = "layer of a session"
        verbose_name_plural = "layers of sessions"
        constraints = [models.UniqueConstraint(fields=["session", "layer"], name="session_layer_once")]

    def __str__(self) -> str:
        return f"{self.layer} of {self.session}"
