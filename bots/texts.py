"""What the bot says about itself: refusals and notices, in the language that is active where they are called."""

from __future__ import annotations

from django.utils.translation import gettext as _

from guardrails.types import Verdict


def pairing(code: str) -> str:
    """For somebody who is not approved yet."""
    return _(
        "Hello! I do not know you yet. Your pairing code is **{code}**. "
        "Ask an admin to approve it; it is valid for one hour."
    ).format(code=f"{code[:4]}-{code[4:]}")


def refusal(verdict: Verdict, *, limit: int) -> str:
    """Say politely why a message was not worked on, by the rule that decided."""
    rule = verdict.rule
    if rule.startswith("size"):
        return _("This message is too long for me. Please keep it under {limit} characters or send a file.").format(
            limit=limit
        )
    if rule.startswith("injection"):
        return _("I cannot work with this message: it looks like an attempt to change my instructions.")
    if rule.startswith("pii"):
        return _("Please leave personal data, such as card or document numbers, out of your message.")
    if rule.startswith("empty"):
        return _("I could not find any text in your message.")
    return _("I cannot work with this message.")


def flooded(seconds: float) -> str:
    """For somebody who writes faster than the limit."""
    return _("That was a lot at once. Please wait {seconds} seconds and write again.").format(
        seconds=max(1, round(seconds))
    )


def blocked_answer() -> str:
    """When the output guard does not let an answer out."""
    return _("I had an answer, but it did not pass my safety check, so I will not show it. Please ask differently.")


def failed(error_id: str) -> str:
    """When the turn ended by an error of ours."""
    return _("Something went wrong on my side (error {id}). Your message is kept and an admin can see it.").format(
        id=error_id
    )


def stopped() -> str:
    """When the user stopped the turn."""
    return _("Stopped.")


def confirm(summary: str, minutes: int) -> str:
    """Ask for a decision on one exact action."""
    return _("May I do this?\n\n{summary}\n\nThe request expires in {minutes} minutes.").format(
        summary=summary, minutes=minutes
    )


def decision_labels() -> tuple[str, str]:
    """The labels of the two decision buttons."""
    return _("✅ Approve"), _("❌ Reject")


def decision(outcome: str, name: str) -> str:
    """What a press on a decision button led to."""
    return {
        "approved": _("Approved by {name}."),
        "rejected": _("Rejected by {name}."),
        "late": _("This was already decided or has expired."),
        "not_allowed": _("You may not decide this."),
        "unknown": _("This was already decided or has expired."),
    }[outcome].format(name=name)


def unknown_command() -> str:
    """For a slash command that does not exist or is not for this user."""
    return _("I do not know this command. /help lists what you can use.")


def resent_mark() -> str:
    """Put below a message that may have been delivered already."""
    return _("(sent again after a restart)")
