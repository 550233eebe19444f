"""What can be wrong with the row of a connection: a sentence for each field. Pure; nothing is asked."""

from __future__ import annotations

import re
from typing import Protocol

from clawsite.core.errors import ClawError
from guardrails.addresses import parse_target
from runbooks.workspaces.pipelines import github, gitlab

API_URLS = {"github": github.API_URL, "gitlab": gitlab.API_URL}
LEAST_SECRET = 16
# What may stand in a header; a line break would end it.
_VISIBLE = re.compile(r"[!-~]{1,2000}")


class ConnectionFields(Protocol):
    """The fields of a connection that people fill in."""

    kind: str
    api_url: str
    repository: str
    workflow: str
    token: str
    webhook_secret: str


def find_mistakes(row: ConnectionFields) -> dict[str, str]:
    """Return what is wrong with a connection, by field; {} when it can be used."""
    found = {
        "api_url": _address(row.api_url),
        "repository": _repository(row.kind, row.repository),
        "workflow": _workflow(row.workflow),
        "token": _header(row.token),
        "webhook_secret": _secret(row.webhook_secret),
    }
    return {field: sentence for field, sentence in found.items() if sentence}


def _address(url: str) -> str:
    if not url:
        return ""
    try:
        parse_target(url)
    except ClawError as error:
        return error.message
    return "" if "#" not in url and "?" not in url else "The address must have no part after ? or #."


def _repository(kind: str, name: str) -> str:
    if kind == "github":
        return "" if github.REPOSITORY.fullmatch(name) else "A repository at GitHub is named OWNER/NAME."
    if kind == "gitlab":
        return "" if gitlab.REPOSITORY.fullmatch(name) else "A repository at GitLab is named GROUP/NAME."
    return ""


def _workflow(name: str) -> str:
    fine = not name or github.WORKFLOW.fullmatch(name)
    return "" if fine else "A workflow is named by its file, such as ci.yml."


def _header(text: str) -> str:
    return "" if not text or _VISIBLE.fullmatch(text) else "A token is one word of ASCII letters, digits and signs."


def _secret(text: str) -> str:
    if not text:
        return ""
    if len(text) < LEAST_SECRET:
        return f"A webhook secret has at least {LEAST_SECRET} characters, so that nobody finds it by trying."
    return _header(text)
