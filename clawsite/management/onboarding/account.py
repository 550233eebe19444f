"""The step of the first admin: a password chosen here, or a link that lets the owner choose one in a browser."""

from __future__ import annotations

from clawsite.core.errors import BadInput
from clawsite.core.models import User
from clawsite.management.address import page_address
from clawsite.management.onboarding.step import TRIES, Wizard
from clawsite.ops.first_admin import NAME, create_admin, find_waiting_admin, prepare_first_admin

QUESTION = "Password, 10 characters or more (Enter for a one-time link instead)"


def run(wizard: Wizard) -> None:
    """Make sure that somebody can log in to the admin."""
    wizard.head("First admin")
    ready = next(
        (user for user in User.objects.filter(is_superuser=True, is_active=True) if user.has_usable_password()), None
    )
    if ready is not None and not wizard.options["admin_password_file"]:
        wizard.say(f"{ready.get_username()} can log in already.")
        return
    name = wizard.value("admin_name", "Name of the admin", default=NAME)
    for left in reversed(range(TRIES)):
        password = _password(wizard)
        if not password:
            _link(wizard, name)
            return
        try:
            create_admin(name, password=password, actor=wizard.actor.subject)
        except BadInput as error:
            if not wizard.interactive or wizard.options["admin_password_file"] or not left:
                raise
            wizard.say(error.message)
            continue
        wizard.say(f"{name} can log in at {page_address()}/admin/.")
        return


def _password(wizard: Wizard) -> str:
    """Return a password that was given twice, or once in a file; "" for none."""
    password = wizard.secret("admin_password_file", QUESTION)
    if not password or wizard.options["admin_password_file"]:
        return password
    if wizard.secret("admin_password_file", "The same password again") != password:
        wizard.say("The two passwords are not the same.")
        return _password(wizard)
    return password


def _link(wizard: Wizard, name: str) -> None:
    path = prepare_first_admin(name)
    if path:
        wizard.say(f"The first admin is called {find_waiting_admin()}, and chooses the password in a browser.")
        wizard.say(f"Open this link within an hour, while clawsite runs; it works once:\n{page_address()}{path}")
        wizard.say("Each start of clawsite prints a new one in its place, until there is a password.")
