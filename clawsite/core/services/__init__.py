"""Every outside service in use, with its breaker: who asks one notes how it went, and whoever wants to know reads."""

from clawsite.core.services.keeping import keep_probing
from clawsite.core.services.notes import check_service, guard, note_failure, note_success
from clawsite.core.services.probing import EVERY_SECONDS, Ask, Probe, Prober, register_probe
from clawsite.core.services.registry import register_service, register_services, report, states_of
from clawsite.core.services.telling import Teller
from clawsite.core.services.values import ServiceReport

__all__ = [
    "EVERY_SECONDS",
    "Ask",
    "Probe",
    "Prober",
    "ServiceReport",
    "Teller",
    "check_service",
    "guard",
    "keep_probing",
    "note_failure",
    "note_success",
    "register_probe",
    "register_service",
    "register_services",
    "report",
    "states_of",
]
