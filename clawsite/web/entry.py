"""The way in: a small ASGI router in front of Django, for health, webhooks and WebSockets.

Programs call the gateway at `/` and `/ws`; every other socket belongs to a page.
"""

from __future__ import annotations

from typing import cast

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.core.handlers.asgi import ASGIHandler

from clawsite.core.metrics import RATE_REFUSALS
from clawsite.core.nudge import NudgeListener
from clawsite.gateway.consumer import GatewayConsumer
from clawsite.gateway.events import listen as listen_for_gateway
from clawsite.web import sockets
from clawsite.web.address import address_of, counted_as, is_direct_local
from clawsite.web.alertmanager import AlertmanagerWebhook, is_alertmanager
from clawsite.web.chat.hub import hub
from clawsite.web.ci import PREFIX as CI_PREFIX
from clawsite.web.ci import CiWebhook
from clawsite.web.health import Health
from clawsite.web.hosts import check_hosts, check_origins
from clawsite.web.plain import App, Receive, Scope, Send, refuse
from clawsite.web.routing import websocket_urlpatterns
from clawsite.web.webhooks import PREFIX, TelegramWebhook
from guardrails.rates import acheck_named
from runbooks.workspaces.pipelines.connections import NUDGE as FORGE_NUDGE

_health = Health()
_webhook = TelegramWebhook()
_alerts = AlertmanagerWebhook()
_ci = CiWebhook()
_pages = cast(App, ASGIHandler())
_sockets = check_origins(cast(App, AuthMiddlewareStack(URLRouter(websocket_urlpatterns))))  # type: ignore[arg-type]
_gateway = check_origins(cast(App, GatewayConsumer.as_asgi()))
_GATEWAY_PATHS = ("/", "/ws")
_plain: dict[str, App] = {
    "/healthz": _health.live,
    "/readyz": _health.ready,
    "/startupz": _health.startup,
    "/health": _health.details,
    "/metrics": _health.metrics,
}


async def _route(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a request where it belongs. A client's Daphne-Root-Path header means nothing here."""
    scope["root_path"] = ""
    if scope["type"] == "websocket":
        await _route_socket(scope, receive, send)
    elif scope["type"] != "http":
        raise ValueError(f"There is no protocol {scope['type']!r} here.")
    elif scope["path"] in _plain:
        await _plain[scope["path"]](scope, receive, send)
    elif scope["path"].startswith(PREFIX):
        await _webhook(scope, receive, send)
    elif is_alertmanager(scope["path"]):
        await _alerts(scope, receive, send)
    elif scope["path"].startswith(CI_PREFIX):
        await _ci(scope, receive, send)
    else:
        await _pages(scope, receive, send)


async def _route_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a socket where it belongs. At the end the gateway lets it in and says 1012; a refusal would look final."""
    if scope["path"] in _GATEWAY_PATHS:
        await _gateway(scope, receive, send)
        return
    known = any(pattern.pattern.match(scope["path"].lstrip("/")) for pattern in websocket_urlpatterns)
    if sockets.is_draining() or not known:
        await refuse(scope, receive, send, status=404, reason="")
    elif not await _may_open(scope):
        await refuse(scope, receive, send, status=429, reason="")
    else:
        await _sockets(scope, receive, send)


async def _may_open(scope: Scope) -> bool:
    """Count a socket of a page by its address; the gateway counts its own (`clawsite.gateway.limits`)."""
    rate = await acheck_named("page.socket", counted_as(address_of(scope)), local=is_direct_local(scope))
    if not rate.allowed:
        RATE_REFUSALS.labels("page.socket").inc()
    return rate.allowed


application: App = check_hosts(_route)


def on_nudges(listener: NudgeListener) -> None:
    """Subscribe what the application keeps in memory."""
    listener.on("channel", lambda _: _webhook.channels.forget())
    listener.on(FORGE_NUDGE, lambda _: _ci.forget())
    hub.listen(listener)
    listen_for_gateway(listener)
