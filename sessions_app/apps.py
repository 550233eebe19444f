"""The app of everything remembered."""

from __future__ import annotations

from django.apps import AppConfig


class SessionsAppConfig(AppConfig):
    """Registers channels, contacts, sessions, messages, inbox, outbox and facts."""

    name = "sessions_app"
    verbose_name = "Conversations"
    default_auto_field = "django.db.models.BigAutoField"
