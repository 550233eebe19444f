"""The catalogue of feature flags: each feature that can be switched, with what it means and its default."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """One feature. `default` holds while its row decides nothing."""

    name: str
    title: str | Promise
    help: str | Promise
    default: bool = True


STREAMING = Feature(
    name="streaming",
    title=_("Answers while they are written"),
    help=_("A chat shows an answer while the model writes it. Off: it comes whole, when it is finished."),
)
FACTS = Feature(
    name="facts",
    title=_("Facts from conversations"),
    help=_("A small model notes lasting facts from what people say. Off: only what people ask for is kept."),
)
SUMMARIES = Feature(
    name="summaries",
    title=_("Summaries by the model"),
    help=_("Long conversations are summarized by a model. Off: they are shortened without one, and cost nothing."),
)
SKILL_TOOLS = Feature(
    name="skill-tools",
    title=_("Tools of skills"),
    help=_("Skills may offer tools, which run their code in the sandbox. Off: only their instructions are used."),
)
CODE = Feature(
    name="code",
    title="/code",
    help=_("The model changes projects. Off: no new work of this kind starts; what runs goes on."),
)
CHARTS = Feature(
    name="charts",
    title=_("Charts"),
    help=_("Metrics come with a picture. Off: only the numbers are sent."),
)

FEATURES = {feature.name: feature for feature in (STREAMING, FACTS, SUMMARIES, SKILL_TOOLS, CODE, CHARTS)}
