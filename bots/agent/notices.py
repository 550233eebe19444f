"""What the bot says when the model's answer is missing or not whole. One short, exact sentence for each case."""

from __future__ import annotations

from django.utils.translation import gettext, override

from bots.agent.provider import Fault


def not_configured(language: str) -> str:
    """No model can be called at all."""
    with override(language):
        return gettext(
            "No model is set up yet: an admin has to set ANTHROPIC_API_KEY or name a server in CLAW_MODELS. "
            "Commands work, see /help."
        )


def unavailable(language: str, *, fault: Fault = Fault.RETRY) -> str:
    """No target answered, by what is wrong."""
    with override(language):
        if fault is Fault.PERMANENT:
            return gettext("The model could not process this conversation. /reset starts a new one.")
        if fault is Fault.FAILOVER:
            return gettext("The model refuses our access. An admin has to check ANTHROPIC_API_KEY and CLAW_MODELS.")
        if fault is Fault.BILLING:
            return gettext("The model's account has reached its spending limit. An admin has to look at it.")
        return gettext(
            "The model does not answer right now. Please try again in a few minutes. Commands work, see /help."
        )


def instead(language: str, *, wanted: str, used: str) -> str:
    """Another model than the first one answered."""
    with override(language):
        text = gettext("%(wanted)s does not answer at the moment; I use %(used)s instead.")
        return text % {"wanted": wanted, "used": used}


def empty(language: str) -> str:
    """The model ended twice without saying anything."""
    with override(language):
        return gettext("The model gave no answer. Please ask again in other words.")


def refused(language: str) -> str:
    """The model declined."""
    with override(language):
        return gettext("The model declined to answer this.")


def cut(language: str) -> str:
    """The answer reached the model's length limit."""
    with override(language):
        return gettext("The answer was cut off at the length limit. Say “continue” for the rest.")


def limit_steps(language: str, *, steps: int) -> str:
    """The turn used all its model calls."""
    with override(language):
        return gettext("I stopped after %(steps)d steps, the limit for one answer.") % {"steps": steps}


def limit_time(language: str, *, seconds: float) -> str:
    """The turn used all its time."""
    with override(language):
        return gettext("I stopped after %(seconds)d seconds, the limit for one answer.") % {"seconds": seconds}


def limit_cost(language: str) -> str:
    """The turn used all its money."""
    with override(language):
        return gettext("I stopped because this answer reached its cost limit.")


def limit_repeats(language: str) -> str:
    """The model kept making the same call."""
    with override(language):
        return gettext("I stopped because I was going round in circles. Please ask in other words.")


def limit_day(language: str) -> str:
    """The budget of the day is used up."""
    with override(language):
        return gettext("Today's budget for the model is used up. It starts again at midnight.")
