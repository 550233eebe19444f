"""What somebody probably meant: a phrase with one slip of the fingers or without its small words, a name misspelt.

A near miss is answered with a question and a button, never done. Kept narrow, because any other text is the model's:
one letter too many, too few, swapped or wrong in a phrase that is not short.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots import texts
from bots.commands.base import Answer, Command, CommandContext, command_button, say
from bots.commands.catalog import find_command, visible_commands
from bots.commands.phrases import MAX_CHARS, all_phrases
from bots.commands.spelling import plain, spell

NAME = "suggest"
SHORTEST, MOST_WORDS, MOST_ARGS = 7, 8, 6
SIMILAR = 0.75
_SMALL_WORDS = """
a an the of me my please to for o os as do da dos das de e um uma por favor me meu minha пожалуиста мне мои в на и
"""
_SMALL = frozenset(_SMALL_WORDS.split())
# Whose phrases go on with words of one's own. Those of the others are too much like what people say to the model.
_GO_ON = frozenset({"runbook", "incident"})
_PLACE = re.compile(r"\{(\w+)\}")

_index: dict[str, str] = {}
_indexed = 0


def find_near(text: str) -> tuple[str, str] | None:
    """Return the command that a text nearly is, and its words, or None. Costs some look-ups in a dictionary."""
    folded = plain(text).rstrip(" ?")
    words = [word for word in folded.split() if word not in _SMALL]
    if len(text) > MAX_CHARS or "\n" in text.strip() or not words or len(words) > MOST_WORDS + MOST_ARGS:
        return None
    _fill()
    command = _look(words) if len(words) <= MOST_WORDS else None
    if command:
        return command, ""
    for count in range(min(len(words) - 1, MOST_WORDS), 1, -1):
        command = _look([*words[:count], "{args}"])
        if command and len(words) - count <= MOST_ARGS:
            return command, " ".join(words[count:])
    return None


def _look(words: list[str]) -> str | None:
    key = " ".join(words)
    fixed = key.removesuffix(" {args}")
    if len(fixed) < SHORTEST - 1:
        return None
    tail = key[len(fixed) :]
    return next((_index[each + tail] for each in _slips(fixed) if each + tail in _index), None)


def _slips(text: str) -> Iterator[str]:
    """Yield a text as it is, and with each one of its letters left out."""
    yield text
    yield from (text[:place] + text[place + 1 :] for place in range(len(text)))


def _fill() -> None:
    """Learn the phrases that were added since the last time."""
    global _indexed
    phrases = all_phrases()
    for command, phrase in phrases[_indexed:]:
        if "{" not in phrase or command in _GO_ON:
            for words in _variants(phrase.replace("{words}", "{args}")):
                _learn(command, words)
    _indexed = len(phrases)


def _learn(command: str, words: list[str]) -> None:
    """Remember a phrase and its slips. What goes on with other words must begin with two of its own."""
    tail = " {args}" if words[-1:] == ["{args}"] else ""
    fixed = " ".join(words[:-1] if tail else words)
    if len(fixed) >= SHORTEST and not (tail and " " not in fixed):
        for each in _slips(fixed):
            _index.setdefault(each + tail, command)


def _variants(phrase: str) -> Iterator[list[str]]:
    """Yield the words of a phrase, with and without those that may be left out; none of one with another blank."""
    places = set(_PLACE.findall(phrase))
    if places - {"args"} or ("args" in places and not phrase.endswith("{args}")):
        return
    choices = [["", word[1:-1]] if word.startswith("[") else [word] for word in phrase.replace("?", "").split()]
    for chosen in itertools.product(*choices):
        words = [word if word == "{args}" else plain(word) for word in chosen if word]
        yield [word for word in words if word not in _SMALL]


def run(context: CommandContext) -> Answer:
    """Ask whether that was meant."""
    name, _space, args = context.args.partition(" ")
    command = find_command(name)
    if command is None or not command.is_allowed(context):
        return say(texts.unknown_command())
    line = f"/{command.name} {args}".strip()
    return say(_("Did you mean {command}?").format(command=line), [command_button(line, command.name, args)])


def suggest(context: CommandContext, typed: str) -> Answer:
    """Answer a slash command that does not exist: with one of a similar name that this person may use."""
    name, _space, args = typed.removeprefix("/").partition(" ")
    known = {
        spell(each): command.name for command in visible_commands(context) for each in (command.name, *command.aliases)
    }
    close = difflib.get_close_matches(spell(name.partition("@")[0]), known, n=1, cutoff=SIMILAR)
    if not close:
        return say(texts.unknown_command())
    return run(replace(context, args=f"{known[close[0]]} {args}".strip()))


COMMAND = Command(
    name=NAME, description=gettext_lazy("Asks what was meant"), run=run, control=True, looks=True, hidden=True
)
