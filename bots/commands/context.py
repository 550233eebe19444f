"""/context: what the last prompt was made of, what it cost, and what had to be left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bots.commands.base import Answer, Command, CommandContext, say
from sessions_app.models import Session, Turn

LOOK_BACK = 30


def run(context: CommandContext) -> Answer:
    """Describe the report of the last turn that had a prompt."""
    turn = find_last_prompt(context.session)
    if turn is None:
        return say(_("I have not composed a prompt in this chat yet. Ask me something first."))
    return say("\n".join(describe(turn)))


def find_last_prompt(session: Session) -> Turn | None:
    """Return the newest of the last LOOK_BACK turns that has a report."""
    recent = Turn.objects.filter(session_id=session.pk).order_by("-id")[:LOOK_BACK]
    return next((turn for turn in recent if turn.report.get("layers")), None)


def describe(turn: Turn) -> list[str]:
    """Return the lines about one turn."""
    report = turn.report
    total, window = (number_format(report[key], force_grouping=True) for key in ("total", "window"))
    head = _("Last prompt: about {total} of {window} tokens.").format(total=total, window=window)
    layers = [f"{_layer_name(layer['key'])}: {layer['tokens']} / {layer['budget']}" for layer in report["layers"]]
    message = _("Your message: {tokens}").format(tokens=report["message"])
    return [head, "", *layers, message, "", *_trimmed(report), *_memory(report["memory"]), *_cost(turn)]


def _layer_name(key: str) -> str:
    names = {
        "core": _("Core rules"),
        "identity": _("Identity"),
        "business": _("Business context"),
        "objective": _("Objective"),
        "skills": _("Skills"),
        "memory": _("Memory"),
        "temporal": _("Date and time"),
        "conversation": _("Conversation"),
    }
    return names.get(key, key)


def _trimmed(report: Mapping[str, Any]) -> list[str]:
    """Say what was cut and why; something was always either cut or not."""
    reasons = {"budget": _("its own budget"), "window": _("the model's window")}
    lines = [
        _("Trimmed: {layer}, {wanted} → {kept} ({reason})").format(
            layer=_layer_name(trim["key"]),
            wanted=trim["wanted"],
            kept=trim["kept"],
            reason=reasons.get(trim["reason"], trim["reason"]),
        )
        for trim in report["trimmed"]
    ]
    lines += [
        _("Over its budget, but never cut: {layer}").format(layer=_layer_name(key)) for key in report["over_budget"]
    ]
    return lines or [_("Nothing was trimmed.")]


def _memory(memory: Mapping[str, Any]) -> list[str]:
    """Say how much of the past was in the prompt, and what the summary saved."""
    count = memory["messages"]
    lines = [ngettext("{count} earlier message", "{count} earlier messages", count).format(count=count) + "."]
    if memory["left_out"]:
        left = memory["left_out"]
        lines.append(ngettext("{count} message left out.", "{count} messages left out.", left).format(count=left))
    if memory["summary_tokens"] and memory["covered_tokens"]:
        saved = max(0, 100 - round(100 * memory["summary_tokens"] / memory["covered_tokens"]))
        lines.append(
            _("Older messages: {covered} tokens as a summary of {summary} ({saved} % saved).").format(
                covered=memory["covered_tokens"], summary=memory["summary_tokens"], saved=saved
            )
        )
    return lines


def _cost(turn: Turn) -> list[str]:
    if not turn.input_tokens:
        return []
    return [
        _("Measured: {input} tokens read ({cached} from the cache), {output} written, model {model}.").format(
            input=turn.input_tokens, cached=turn.cached_tokens, output=turn.output_tokens, model=turn.model
        )
    ]


COMMAND = Command(
    name="context",
    description=gettext_lazy("What my last prompt was made of"),
    run=run,
    control=True,
    looks=True,
)
