"""Changing the layers of the prompt on purpose: back to the text they ship with."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import NotAllowed
from guardrails.types import Actor, Role
from sessions_app.models import PromptLayer
from sessions_app.prompts.layers import Layer, forget_cached, get_defaults


def find_default(key: str) -> Layer | None:
    """Return a layer as it ships, or None for a key that is none."""
    return next((layer for layer in get_defaults() if layer.key == key), None)


def reset_layer(layer: PromptLayer, *, actor: Actor, origin: str = "") -> None:
    """Give a layer its first text and budget back; the audit log keeps that it was done."""
    if not actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("Only an operator may do this."))
    default = find_default(layer.key)
    if default is None:
        return
    with transaction.atomic():
        PromptLayer.objects.filter(pk=layer.pk).update(text=default.text, budget=default.budget, enabled=True)
        audit.record("promptlayer.reset", actor=actor.subject, subject=f"promptlayer:{layer.pk}", origin=origin)
        transaction.on_commit(forget_cached)
