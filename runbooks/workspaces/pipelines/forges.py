"""The forges that can be asked, by kind. A new one is a module with a client and a row here."""

from __future__ import annotations

from collections.abc import Callable

from clawsite.core.errors import BadInput
from runbooks.workspaces.pipelines import github, gitlab
from runbooks.workspaces.pipelines.forge import Forge, Place

FORGES: dict[str, Callable[[Place], Forge]] = {github.KIND: github.GitHub, gitlab.KIND: gitlab.GitLab}


def open_forge(place: Place) -> Forge:
    """Return the client of a place; BadInput when nothing can be asked there."""
    make = FORGES.get(place.kind)
    if make is None:
        raise BadInput("This connection only listens: nothing can be asked of it.")
    if not place.token:
        raise BadInput("The connection has no token. An admin enters one in the admin pages.")
    return make(place)
