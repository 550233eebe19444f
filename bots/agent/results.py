"""What tools gave back, as the model sees it, and what it taught the run: taint, addresses, verdicts, repeats.

Everything a tool returns is data from outside: cut to size, scanned at full strength, marked. One injection
hit taints the run to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bots.agent.repeats import Repeats
from bots.agent.types import ToolOutput
from bots.agent.wrap import shorten, wrap_data
from guardrails.inputs import check_untrusted
from guardrails.types import Action, Stage, Verdict
from guardrails.urls import extract_urls


@dataclass(kw_only=True, slots=True)
class Results:
    """Makes result blocks. `key` of a call is its tool and arguments, by which repeats are counted."""

    chars: int
    tainted: bool = False
    known_urls: set[str] = field(default_factory=set)
    on_urls: Callable[[frozenset[str]], None] | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    repeats: Repeats = field(default_factory=Repeats)

    def __post_init__(self) -> None:
        # What a run that goes on knows already was told to whoever listened to the one before.
        self._learn(frozenset(self.known_urls))

    def of_tool(self, call_id: str, output: ToolOutput, *, tool: str, key: str) -> tuple[dict[str, Any], str]:
        """Return the block for a tool's output, and its text as it may be stored: cut, clean, without secrets."""
        source = output.source or tool
        checked = check_untrusted(shorten(output.text, limit=self.chars), stage=Stage.TOOL_RESULT, source=source)
        self.note(checked.verdicts)
        self._learn(frozenset(extract_urls(checked.text)))
        hint = self.repeats.hint(self.repeats.count(key, checked.text))
        content: list[dict[str, Any]] = [{"type": "text", "text": wrap_data(checked.text, source=source) + hint}]
        content += [
            {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}
            for kind, data in output.images
        ]
        return _block(call_id, content, is_error=output.is_error), checked.text

    def _learn(self, urls: frozenset[str]) -> None:
        self.known_urls.update(urls)
        if urls and self.on_urls is not None:
            self.on_urls(urls)

    def of_ours(self, call_id: str, text: str, *, key: str) -> dict[str, Any]:
        """Return the block for a call that did not run, in words of ours."""
        hint = self.repeats.hint(self.repeats.count(key, text))
        return _block(call_id, [{"type": "text", "text": text + hint}], is_error=True)

    def note(self, verdicts: Sequence[Verdict]) -> None:
        """Keep verdicts for the record; one about an injection taints the run."""
        told = [verdict for verdict in verdicts if verdict.action is not Action.ALLOW]
        self.verdicts.extend(told)
        self.tainted = self.tainted or any(verdict.rule.startswith("injection.") for verdict in told)


def _block(call_id: str, content: list[dict[str, Any]], *, is_error: bool) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": call_id, "content": content}
    return {**block, "is_error": True} if is_error else block
