"""The model step: a key that a model accepts is stored encrypted; an address of one's own goes into the environment."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from bots.agent.keys import MAIN, needs_key
from bots.agent.targets import list_targets
from bots.agent.types import Target
from bots.probe import probe_model
from clawsite.core import audit
from clawsite.core.errors import BadInput
from clawsite.core.models import Secret
from clawsite.management.onboarding.step import Wizard

QUESTION = "API key of Anthropic (Enter to skip)"


def run(wizard: Wizard) -> None:
    """Make sure that a model can be asked, if one is wanted."""
    wizard.head("Model")
    url = _address(wizard)
    name = str(wizard.options["model"] or list_targets()[0].model)
    target = Target(model=name, base_url=url)
    if url:
        _use_server(wizard, target)
    elif settings.ANTHROPIC_API_KEY:
        probe_model(target, key=settings.ANTHROPIC_API_KEY)
        wizard.say(f"The key comes from the environment. {name} answers.")
    else:
        _use_key(wizard, target)


def _address(wizard: Wizard) -> str:
    """Return the address of a server of one's own, "" for the provider's or the one that is set already."""
    if settings.ANTHROPIC_BASE_URL or settings.ANTHROPIC_API_KEY:
        return ""
    question = "Address of a model server of your own (Enter for Anthropic's)"
    url = wizard.value("model_url", question).rstrip("/").removesuffix("/v1")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username):
        raise BadInput("The address must look like http://127.0.0.1:11434.")
    return url


def _use_server(wizard: Wizard, target: Target) -> None:
    """Try a server of one's own, with a key if it wants one, and say which settings lead to it."""
    key = wizard.secret("model_key_file", "Key of this server (Enter if it needs none)")
    probe_model(target, key=key)
    wizard.lines |= {"ANTHROPIC_BASE_URL": target.base_url, "CLAW_MODELS": target.model}
    wizard.say(f"{target.model} answers at {target.base_url}.")
    if key:
        _store(wizard, key)


def _use_key(wizard: Wizard, target: Target) -> None:
    if not wizard.options["model_key_file"] and _works_already(wizard, target):
        return

    def use(key: str) -> str:
        probe_model(target, key=key)
        return key

    key = wizard.attempt("model_key_file", QUESTION, use)
    if key is None:
        wizard.say("Skipped. Commands work without a model; a free message is answered with which setting is missing.")
        return
    wizard.say(f"{target.model} answers.")
    _store(wizard, key)


def _works_already(wizard: Wizard, target: Target) -> bool:
    """Tell whether the model answers with what is stored, or without any key where it needs none."""
    stored = Secret.objects.filter(name=MAIN).first()
    if stored is None and needs_key(target):
        return False
    try:
        probe_model(target, key=stored.value if stored else "")
    except BadInput as error:
        if not wizard.interactive:
            raise
        wizard.say(error.message)
        return False
    with_what = "with the key that is stored" if stored else "without a key"
    wizard.say(f"{target.model} answers, {with_what}.")
    return True


def _store(wizard: Wizard, key: str) -> None:
    """Store the key encrypted, unless it is the one that is stored."""
    known = Secret.objects.filter(name=MAIN).first()
    if known is not None and known.value == key:
        wizard.say("This key is stored already.")
        return
    with transaction.atomic():
        Secret.objects.update_or_create(name=MAIN, defaults={"value": key})
        audit.record("secret.change", actor=wizard.actor.subject, subject=f"secret:{MAIN}")
    wizard.say("The key is stored, encrypted.")
