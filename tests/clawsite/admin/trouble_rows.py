"""Rows of what is wrong: troubles of our own, and services that do not answer."""

from __future__ import annotations

from clawsite.core.models import ServiceState
from clawsite.models import SelfAlert


def make_trouble_rows(evil: str) -> dict[str, int]:
    """Make them and return their primary keys."""
    service = ServiceState.objects.create(kind="model", name=evil, error=evil, error_kind="retry", failures=1)
    data = {"kind": "model", "name": evil, "error": evil, "fallback": ""}
    trouble = SelfAlert.objects.create(check_name="service", subject=evil, severity="critical", data=data)
    return {"core_servicestate": service.pk, "clawsite_selfalert": trouble.pk}
