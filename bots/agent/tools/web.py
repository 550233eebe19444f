"""fetch_url: reads one public page through the guarded client."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.translation import gettext

from bots.agent.tools.registry import tool
from bots.agent.types import ToolContext, ToolOutput
from guardrails.http import fetch
from guardrails.tools import ToolPolicy
from guardrails.types import Role

BYTES_MAX = 2 * 1024 * 1024
SECONDS = 10.0
URL_MAX = 2000


@tool(
    "fetch_url",
    description="Read one public web page or text file by its address. What is not text cannot be read.",
    schema={
        "type": "object",
        "properties": {
            "url": {
                "type": "string",
                "pattern": r"^https?://",
                "maxLength": URL_MAX,
                "description": "The full address, beginning with https://.",
            }
        },
        "required": ["url"],
    },
    policy=ToolPolicy(name="fetch_url", role=Role.VIEWER, effect="outbound", per_minute=10),
    repeatable=True,
    summary=lambda arguments: gettext("Fetch the page %(url)s") % {"url": arguments["url"]},
)
async def fetch_url(context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
    """Return the text of a page, with its real address and status before it."""
    page = await fetch(
        arguments["url"],
        max_bytes=BYTES_MAX,
        seconds=SECONDS,
        allow_private_hosts=settings.CLAW_PRIVATE_HOSTS,
    )
    head = f"{page.url}\n{page.status} {page.content_type}\n\n"
    return ToolOutput(text=head + page.text, is_error=page.status >= 400, source=page.url)
