"""Commands in plain words, in three languages. A phrase is a command only when it is the whole message.

Patterns: `[word]` may be left out, `{args}` stands for one to six words without a clause break that do not speak of the
talk itself, `{words}` for such words of any meaning, `{text}` for anything but a question, `{name}` for one word with a
dash in it, such as restart-api, and what is given to it, `{code}` for the code of a request, `{period}` for a number
with a unit of time, or a day such as today. All else must be there to the letter (case, accents and a closing dot
aside), so ordinary sentences that contain these words are not taken for commands. All languages hold everywhere: people
mix them.
"""

from __future__ import annotations

import re

from bots.commands.spelling import plain

MAX_CHARS = 100

# "esquece isso" and the like speak of the talk, not of a fact.
_NOT_ABOUT_A_FACT = (
    r"(?!(?:it|this|that|them|everything|all|about|what|me|us|him|her|isso|isto|tudo|ele|ela|mim|"
    r"это|все|об|о|про|меня|нас)\b)"
)
_TOKEN = re.compile(r"\[[^\]]+\]\??|\S+")
_WORDS = r"(?P<args>[^\s,;:?!\n]+(?: [^\s,;:?!\n]+){0,5})"
_NAME = r"(?P<args>[a-z0-9]+(?:-[a-z0-9]+)+(?: [a-z_]+=\S+)*)"
_PERIOD = r"(?P<args>\d{1,5} ?[^\W\d]{1,10}|today|yesterday|hoje|ontem|сегодня|вчера)"
_PLACES = {
    "{args}": f"{_NOT_ABOUT_A_FACT}{_WORDS}",
    "{words}": _WORDS,
    "{text}": r"(?P<args>[^?\n]+)",
    "{name}": _NAME,
    "{period}": _PERIOD,
    "{code}": r"(?P<args>[a-z2-9]{12})",
}

PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "help": {
        "en": ("help", "help me", "what can you do?", "show [the] commands"),
        "pt": ("ajuda", "me ajuda", "me ajude", "o que voce sabe fazer?", "mostra os comandos"),
        "ru": ("помощь", "помоги", "справка", "что ты умеешь?", "покажи команды"),
    },
    "status": {
        "en": ("status", "[show] system status", "show [the] status", "status of the system"),
        "pt": ("estado", "status do sistema", "estado do sistema", "mostra o status", "mostrar status"),
        "ru": ("статус", "статус системы", "состояние системы", "покажи статус"),
    },
    "settings": {
        "en": ("settings", "show [the] settings", "open [the] settings"),
        "pt": ("configuracoes", "ajustes", "mostra as configuracoes", "abrir configuracoes"),
        "ru": ("настройки", "покажи настройки", "открой настройки"),
    },
    "context": {
        "en": ("show [the] context", "show [the] prompt layers"),
        "pt": ("mostra o contexto", "mostrar contexto"),
        "ru": ("покажи контекст",),
    },
    "skills": {
        "en": ("skills", "show [the] skills", "list [the] skills"),
        "pt": ("habilidades", "mostra as habilidades", "listar habilidades"),
        "ru": ("навыки", "покажи навыки", "список навыков"),
    },
    "memory": {
        "en": ("what do you remember [about me]?", "what do you know about me?", "show [your] memory"),
        "pt": ("o que voce lembra [de mim]?", "o que voce sabe sobre mim?", "mostra a memoria", "listar fatos"),
        "ru": ("что ты помнишь [обо мне]?", "что ты знаешь обо мне?", "покажи память", "список фактов"),
    },
    "forget": {
        "en": ("forget [that] {args}", "forget [the] fact {args}"),
        "pt": ("esquece [que] {args}", "esqueca [que] {args}", "esquecer {args}"),
        "ru": ("забудь [что] {args}", "забудь факт {args}"),
    },
    "reset": {
        "en": ("new conversation", "start a new conversation", "reset [the] conversation", "start over"),
        "pt": ("nova conversa", "comecar uma nova conversa", "recomecar [a] [conversa]"),
        "ru": ("новый разговор", "начать новый разговор", "начать сначала", "начни сначала"),
    },
    "stop": {
        "en": ("stop", "stop it", "cancel", "stop [the] answer"),
        "pt": ("para", "pare", "parar", "cancela", "cancelar"),
        "ru": ("стоп", "хватит", "остановись", "отмена", "отмени"),
    },
    "pair": {
        "en": ("[show] [my] pairing code",),
        "pt": ("[meu] codigo de pareamento",),
        "ru": ("[мой] код сопряжения",),
    },
}  # fmt: skip

_compiled: dict[str, list[re.Pattern[str]]] = {}
_phrases: list[tuple[str, str]] = []


def all_phrases() -> list[tuple[str, str]]:
    """Return every phrase as it was written, with its command, in the order in which they were added."""
    return _phrases


def add_phrases(command: str, *patterns: str) -> None:
    """Teach a command more phrases."""
    _phrases.extend((command, pattern) for pattern in patterns)
    _compiled.setdefault(command, []).extend(_compile(pattern) for pattern in patterns)


def match_phrase(text: str) -> tuple[str, str] | None:
    """Return the command's name and its words when the whole text is a phrase, else None."""
    if len(text) > MAX_CHARS or "\n" in text.strip():
        return None
    folded = f" {plain(text)}"
    for command, patterns in _compiled.items():
        for pattern in patterns:
            if match := pattern.fullmatch(folded):
                return command, match.groupdict().get("args") or ""
    return None


def _compile(phrase: str) -> re.Pattern[str]:
    """Turn a phrase into a pattern over folded text that begins with a blank."""
    return re.compile("".join(_compile_word(word) for word in _TOKEN.findall(phrase)))


def _compile_word(word: str) -> str:
    """A word brings the blank before it along, so that a word left out takes its blank with it."""
    if word in _PLACES:
        return f" {_PLACES[word]}"
    if word.endswith("?"):
        return _compile_word(word[:-1]) + r"\??"
    if word.startswith("["):
        return f"(?: {re.escape(plain(word[1:-1]))})?"
    return f" {re.escape(plain(word))}"


for _name, _by_language in PHRASES.items():
    for _patterns in _by_language.values():
        add_phrases(_name, *_patterns)
