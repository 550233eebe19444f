"""Briefings of a shift: what happened, what stands out, what waits, who hands over to whom."""

from runbooks.briefings.handover import take_shift
from runbooks.briefings.job import BRIEFING, NAME, card_key, put_briefing

__all__ = ["BRIEFING", "NAME", "card_key", "put_briefing", "take_shift"]
