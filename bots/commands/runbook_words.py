"""What the words after /runbook mean, in three languages: a verb, a name, and parameters. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from bots.commands.spelling import plain
from clawsite.core.errors import BadInput

LIST, SHOW, RUN, DRY, CANCEL, RUNS, GO, UNDO = "list", "show", "run", "dry", "cancel", "runs", "go", "undo"
_WORDS = {
    LIST: "list lista listar список",
    SHOW: "show ver mostra mostrar about sobre покажи показать",
    RUN: "run start execute executar executa execute rodar iniciar запусти запустить выполни выполнить",
    DRY: "dry dry-run simular simula ensaio проверка",
    CANCEL: "cancel cancelar cancela отмени отменить",
    UNDO: "undo desfazer desfaz откатить откати",
    RUNS: "runs history historico execucoes запуски история",
}
_VERBS = {plain(word): verb for verb, words in _WORDS.items() for word in words.split()}
_PAIR = re.compile(r"([A-Za-z_]\w{0,31})=(\"[^\"]*\"|'[^']*'|\S*)|(\"[^\"]*\"|'[^']*'|\S+)")
# What the button below a plan says: go, the runbook's row, the alert group, and the seal of what was shown.
_GO = re.compile(r"go (\d{1,18}) (\d{1,18}) ([0-9a-f]{16})(?: (.*))?", re.ASCII | re.DOTALL)
GROUP = "group"


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be done with which runbook (or run, for CANCEL and UNDO). `words` are values without a name, in order.

    For GO the name is the number of the runbook's row, and `seal` stands for the plan that somebody was shown.
    """

    verb: str
    name: str = ""
    params: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    group_id: int | None = None
    seal: str = ""


def read_order(line: str) -> Order:
    """Return what a line asks for: nothing is the list, a name alone is run."""
    agreed = _GO.fullmatch(line.strip())
    if agreed is not None:
        name, group, seal, values = agreed.groups()
        return Order(verb=GO, name=name, params=_values(values or "")[0], group_id=int(group), seal=seal)
    first, _space, rest = line.strip().partition(" ")
    verb = _VERBS.get(plain(first), "")
    if not first or (verb in (LIST, RUNS) and not rest.strip()):
        return Order(verb=verb or LIST)
    if not verb:
        verb, rest = RUN, line.strip()
    name, _space, words = rest.strip().partition(" ")
    if plain(name) == "runbook" or plain(name) == "ранбук":
        name, _space, words = words.strip().partition(" ")
    if not name:
        return Order(verb=LIST)
    params, loose = _values(words)
    return Order(verb=verb, name=name, params=params, words=tuple(loose), group_id=_group(params))


def _values(text: str) -> tuple[dict[str, str], list[str]]:
    named: dict[str, str] = {}
    loose: list[str] = []
    for key, value, word in _PAIR.findall(text):
        if key:
            named[key.lower()] = _bare(value)
        else:
            loose.append(_bare(word))
    return named, loose


def _bare(text: str) -> str:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


def _group(params: dict[str, str]) -> int | None:
    """Take the alert group out of the parameters; a button on an alert names it."""
    text = params.pop(GROUP, "")
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise BadInput(_("The alert group is a number."))
    return int(text)


def name_words(order: Order, names: Sequence[str]) -> dict[str, str]:
    """Return all values by name: words without one go to the parameters that have none yet, in their order."""
    free = [name for name in names if name not in order.params]
    if len(order.words) > len(free):
        raise BadInput(
            _("I do not know what to do with “{text}”. Write values as name=value.").format(
                text=order.words[len(free)][:40]
            )
        )
    return {**dict(zip(free, order.words, strict=False)), **order.params}


def write_go(runbook: int, group: int, seal: str, params: Mapping[str, str]) -> str:
    """Return the words that start exactly what was shown; `read_order` reads them."""
    return " ".join(["go", str(runbook), str(group), seal, *(f"{key}={_quoted(text)}" for key, text in params.items())])


def _quoted(text: str) -> str:
    if text and not re.search(r"\s", text) and text[0] not in "\"'":
        return text
    return f"'{text}'" if '"' in text else f'"{text}"'
