"""The step of language and time zone. Both are settings of the environment, so this only checks and collects them."""

from __future__ import annotations

from django.conf import settings

from clawsite.core.errors import BadInput
from clawsite.core.zones import is_time_zone
from clawsite.management.onboarding.step import Wizard
from sessions_app.languages import find_language


def run(wizard: Wizard) -> None:
    """Ask for what new conversations start with."""
    wizard.head("Language and time zone")
    codes = [code for code, _ in settings.LANGUAGES]
    wish = wizard.value(
        "language", f"Language of new conversations ({', '.join(codes)})", default=settings.LANGUAGE_CODE
    )
    language = find_language(wish)
    if language is None:
        raise BadInput(f"The languages are {', '.join(codes)}.")
    zone = wizard.value("time_zone", "Time zone, such as America/Sao_Paulo", default=settings.TIME_ZONE)
    if not is_time_zone(zone):
        raise BadInput(f"There is no time zone {zone!r}. Names look like America/Sao_Paulo or Europe/Berlin.")
    if language != settings.LANGUAGE_CODE:
        wizard.lines["CLAW_LANGUAGE"] = language
    if zone != settings.TIME_ZONE:
        wizard.lines["TIME_ZONE"] = zone
    wizard.say(f"{dict(settings.LANGUAGES)[language]}, {zone}.")
