"""Addresses of the WebSockets."""

from __future__ import annotations

from typing import Any, cast

from django.urls import URLPattern, path

from clawsite.web.board.consumer import BoardConsumer
from clawsite.web.chat.consumer import ChatConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("chat/socket", cast(Any, ChatConsumer.as_asgi())),
    path("board/socket", cast(Any, BoardConsumer.as_asgi())),
]
