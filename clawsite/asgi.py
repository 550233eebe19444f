"""The ASGI application, for any ASGI server; `manage.py web` runs it on Daphne."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clawsite.settings")
django.setup(set_prefix=False)

from clawsite.web.entry import application  # noqa: E402 - what it imports needs Django set up

__all__ = ["application"]
