"""What the words after /incident mean, in three languages. Pure.

Invariant: a line is an order only with everything the order needs; any other line is the title of a new incident, so
that nothing somebody reports is lost because it begins with a word of ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bots.commands.spelling import plain

LIST, SHOW, NOTE, ASSIGN, SEVERITY, RESOLVE, REOPEN, POSTMORTEM, FROM, ATTACH, OPEN, HINT = (
    "list", "show", "note", "assign", "severity", "resolve", "reopen", "postmortem", "from", "attach",
    "open", "hint",
)  # fmt: skip
_WORDS = {
    LIST: "list lista listar список",
    SHOW: "show ver mostra mostrar покажи показать",
    NOTE: "note nota anotar заметка запиши",
    ASSIGN: "assign take atribuir assumir назначь назначить взять",
    SEVERITY: "severity severidade важность",
    RESOLVE: "resolve close resolver fechar реши решить закрыть",
    REOPEN: "reopen reabrir вернуть",
    POSTMORTEM: "postmortem постмортем",
    FROM: "from de из",
    ATTACH: "attach anexar vincular прикрепи прикрепить",
}
# What takes no words after the number: with some it is no order ("from 5 pm on the API is slow").
_BARE = frozenset({SHOW, POSTMORTEM, FROM})
_VERBS = {plain(word): verb for verb, words in _WORDS.items() for word in words.split()}
_NUMBER = re.compile(r"(?:#|inc-)?(\d{1,10})", re.IGNORECASE)
_SEVERITY = re.compile(r"\(?(p[1-4])\)?:?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be done: with which incident (or alert group, after `from`), and which words.

    After `attach` the words are the number of an alert group.
    """

    verb: str
    number: int = 0
    text: str = ""
    severity: str = ""


def read_order(line: str) -> Order:
    """Return what a line asks for; HINT for an order that lacks its number, LIST for nothing at all."""
    first, _, rest = line.strip().partition(" ")
    verb = _VERBS.get(plain(first), "")
    rest = rest.strip()
    if not first or (verb == LIST and not rest):
        return Order(verb=LIST)
    number, _, text = rest.partition(" ")
    found = _NUMBER.fullmatch(number)
    if verb == ATTACH and found and (group := _NUMBER.fullmatch(text.strip())):
        return Order(verb=verb, number=int(found[1]), text=group[1])
    if verb not in ("", LIST, ATTACH) and found and not (verb in _BARE and text.strip()):
        return Order(verb=verb, number=int(found[1]), text=text.strip())
    if verb not in ("", LIST, FROM) and not rest:
        return Order(verb=HINT, text=verb)
    only = _NUMBER.fullmatch(line.strip())
    return Order(verb=SHOW, number=int(only[1])) if only else _opening(line)


def _opening(line: str) -> Order:
    """Take the severity off the beginning or the end of a title."""
    words = line.split()
    for place in (0, -1):
        marked = _SEVERITY.fullmatch(words[place])
        if marked and len(words) > 1:
            del words[place]
            return Order(verb=OPEN, text=" ".join(words), severity=marked[1].upper())
    return Order(verb=OPEN, text=" ".join(words))


def read_severity(text: str) -> str:
    """Return a severity as it is stored, "" for what is none."""
    found = _SEVERITY.fullmatch(text.strip())
    return found[1].upper() if found else ""
