"""A feature flag with text that would do harm if a page took it for markup."""

from __future__ import annotations

from clawsite.core import flags
from clawsite.core.models import FeatureFlag


def make_flag_rows(evil: str) -> dict[str, int]:
    """Make the whole catalogue; one of its rows carries the text."""
    flags.ensure_rows()
    flag = FeatureFlag.get("charts")
    flag.note, flag.people_on = evil, [evil]
    flag.save()
    return {"core_featureflag": flag.pk}
