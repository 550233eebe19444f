"""What the supervisor imports once, so that its roles start in milliseconds and share the memory.

Never daphne.server or anything else that installs Twisted's event loop: the forks would share it. No model or channel
SDK either: they are large and loaded by who uses them.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module

from django.apps import apps
from django.conf import settings
from django.urls import get_resolver
from django.utils import translation

MODULES = (
    "multiprocessing.popen_fork",
    "django.contrib.admin.sites",
    "django.contrib.auth.backends",
    "django.contrib.sessions.backends.db",
    "django.core.cache.backends.locmem",
    "django.core.handlers.asgi",
    "django.db.models.deletion",
    "django.db.models.sql.compiler",
    "django.template.loader",
    "django.views.debug",
    "channels.auth",
    "channels.generic.websocket",
    "channels.layers",
    "channels.routing",
    "twisted.internet.asyncioreactor",
    "twisted.internet.endpoints",
    "twisted.web.http",
    "autobahn.twisted.websocket",
    "daphne.endpoints",
    "daphne.http_protocol",
    "daphne.ws_protocol",
    "clawsite.web.entry",
    "clawsite.urls",
    "clawsite.ops.role",
    "clawsite.ops.housekeeping",
    "clawsite.ops.minutes",
    "clawsite.ops.tls",
    "clawsite.ops.wire",
    "clawsite.ops.worker",
    "bots.channels.gateway.adapter",
    "bots.channels.telegram.adapter",
    "bots.channels.webchat.adapter",
    "bots.main",
    "runbooks.anomalies.watching",
)
REACTOR = "twisted.internet.reactor"


def preload() -> None:
    """Import everything the roles share, and keep the collector from touching it, which would unshare it."""
    for name in MODULES:
        import_module(name)
    _warm_up()
    if REACTOR in sys.modules:
        raise RuntimeError("An imported module has installed Twisted's event loop; roles cannot be forked from here.")
    # Without looking for garbage first: modules leave next to none (1 MB), and it would take a tenth of a second.
    gc.freeze()
    gc.disable()


def _warm_up() -> None:
    """Have Django work out what every role would work out for itself. No connection is opened."""
    for model in apps.get_models(include_auto_created=True):
        model._meta.get_fields(include_hidden=True)
        str(model._default_manager.all().query)
    get_resolver()._populate()
    for language, _ in settings.LANGUAGES:
        with translation.override(language):
            translation.gettext("Yes")
