"""What the words after /pipeline mean, in three languages: a verb, the number of a pipeline, and the rest. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from bots.commands.spelling import plain
from clawsite.core.errors import BadInput

LIST, STATUS, START, CANCEL, RETRY, APPROVE, CONNECT = (
    "list",
    "status",
    "start",
    "cancel",
    "retry",
    "approve",
    "connect",
)
_WORDS = {
    LIST: "list lista listar список",
    STATUS: "status show estado ver mostra mostrar статус покажи",
    START: "start run iniciar inicia executar rodar запусти запустить",
    CANCEL: "cancel stop cancelar cancela parar отмени отменить останови",
    RETRY: "retry rerun again repetir repete tentar повтори повторить",
    APPROVE: "approve play aprovar aprova liberar одобри одобрить",
    CONNECT: "connect conectar conecta подключи подключить",
}
_VERBS = {plain(word): verb for verb, words in _WORDS.items() for word in words.split()}
_SURE = frozenset({"!", "yes", "sim", "да"})
MOST_DIGITS = 12
# Before the seal of what somebody saw waiting, in a button that approves it.
SEEN = "="


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be done with which pipeline. `rest` is a branch for START and the name of a job for APPROVE."""

    verb: str
    number: int | None = None
    rest: str = ""
    sure: bool = False


def read_order(line: str) -> Order:
    """Return what a line asks for: nothing is the list, a number alone is that pipeline."""
    words = line.split()
    if not words:
        return Order(verb=LIST)
    verb = _VERBS.get(plain(words[0]), "")
    if verb:
        words = words[1:]
    elif _number(words[0]) is None:
        raise BadInput(
            _("I do not know “{word}”. There are: list, start, retry, approve, cancel.").format(word=words[0][:40])
        )
    if verb in (LIST, CONNECT):
        return Order(verb=verb)
    if verb == START:
        return Order(verb=verb, rest=words[0] if words else "")
    number = _number(words[0]) if words else None
    rest = words[1:] if number is not None else words
    sure = bool(rest) and rest[-1].lower() in _SURE
    return Order(verb=verb or STATUS, number=number, rest=" ".join(rest[:-1] if sure else rest), sure=sure)


def _number(word: str) -> int | None:
    digits = word.lstrip("#")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= MOST_DIGITS else None
