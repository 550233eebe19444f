"""The Telegram step: a token that getMe accepts becomes a channel, and the owner of the bot its first admin."""

from __future__ import annotations

from django.conf import settings

from bots.channels.base import Account
from bots.probe import Identity, probe_account, probe_channel
from clawsite.core.errors import BadInput, ClawError
from clawsite.management.onboarding.step import Wizard
from sessions_app.accounts import check_name, check_token, create_channel, make_config, save_channel
from sessions_app.channels import TELEGRAM, sync_channels_from_settings
from sessions_app.contacts import approve_contact, get_or_create_contact
from sessions_app.models import Channel, Contact

QUESTION = "Bot token from @BotFather (Enter to skip)"


def run(wizard: Wizard) -> None:
    """Make sure that there is a working Telegram channel, if one is wanted."""
    wizard.head("Telegram")
    channel = _from_environment(wizard) if settings.TELEGRAM_BOT_TOKEN else _from_person(wizard)
    if channel is not None:
        _first_person(wizard, channel)
    elif wizard.options["telegram_admin"]:
        raise BadInput("There is no Telegram channel to be admin of: give --telegram-token-file, too.")


def _from_environment(wizard: Wizard) -> Channel | None:
    """Check the account that the environment describes."""
    sync_channels_from_settings()
    channel = Channel.objects.get(kind=TELEGRAM, name=TELEGRAM)
    try:
        found = probe_channel(channel)
    except ClawError as error:
        raise BadInput(f"TELEGRAM_BOT_TOKEN of the environment: {error.message}") from None
    wizard.say(f"The token comes from the environment. {found.sentence}")
    return channel


def _from_person(wizard: Wizard) -> Channel | None:
    name = check_name(str(wizard.options["telegram_name"]))
    known = Channel.objects.filter(name=name).first()
    if known is not None and not wizard.options["telegram_token_file"]:
        return _keep(wizard, known)
    config = make_config(TELEGRAM, api_url=wizard.options["telegram_api_url"] or "")

    def use(token: str) -> tuple[str, Identity]:
        clean = check_token(TELEGRAM, token)
        return clean, probe_account(TELEGRAM, Account(channel_id=0, name=name, token=clean, config=config))

    answer = wizard.attempt("telegram_token_file", QUESTION, use)
    if answer is None:
        wizard.say("Skipped. Later: manage.py channel add telegram NAME")
        return None
    token, found = answer
    wizard.say(found.sentence)
    return _store(wizard, known, name=name, token=token, config=config, identity=found)


def _keep(wizard: Wizard, known: Channel) -> Channel:
    """A channel that is there stays as it is; whether it works is said, not decided."""
    try:
        wizard.say(f"Channel {known.name} is there already. {probe_channel(known).sentence}")
    except ClawError as error:
        wizard.say(f"Channel {known.name} is there already, but: {error.message}")
    return known


def _store(
    wizard: Wizard, known: Channel | None, *, name: str, token: str, config: dict[str, object], identity: Identity
) -> Channel:
    if known is None:
        wizard.say(f"Channel {name} is added.")
        return create_channel(
            TELEGRAM, name=name, actor=wizard.actor, token=token, config=config, identity=identity.data
        )
    if known.kind != TELEGRAM:
        raise BadInput(f"The channel {name} is of another kind. Give another name with --telegram-name.")
    if known.token == token and known.config == known.config | config:
        wizard.say(f"Channel {name} has this token already.")
        return known
    known.token, known.config, known.identity = token, known.config | config, dict(identity.data)
    save_channel(known, actor=wizard.actor, fields=["token", "config", "identity"])
    wizard.say(f"Channel {name} has the new token now.")
    return known


def _first_person(wizard: Wizard, channel: Channel) -> None:
    """Let the owner in by their Telegram id, or say how they get in without knowing it."""
    question = "Your own Telegram id, a number (Enter if you do not know it)"
    number = wizard.value("telegram_admin", question)
    if not number:
        bot = channel.identity.get("username") or "your bot"
        wizard.say(f"Write to @{bot}: it answers with a code. Then: manage.py pair approve CODE --role admin")
        return
    if not (number.isascii() and number.isdecimal()) or len(number) > 20:
        raise BadInput("A Telegram id is a number, such as 123456789. @userinfobot tells you yours.")
    contact = get_or_create_contact(channel, number)
    if contact.state == Contact.State.APPROVED and contact.role == Contact.RoleChoice.ADMIN:
        wizard.say(f"{number} is an admin already.")
        return
    approve_contact(contact, actor=wizard.actor, role=Contact.RoleChoice.ADMIN)
    wizard.say(f"{number} may talk to the bot, as admin.")
