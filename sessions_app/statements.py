"""When two statements are one: folded text, words that matter, and the subject that a correction shares. Pure.

Invariant: statements that differ in a number, a name or a negation are never taken for the same. In doubt they are
two facts, or the newer one supersedes the older one; nothing is silently swallowed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence, Set

_WORD = re.compile(r"\w+")
_WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")
_SPACE = re.compile(r"\s+")

# Words too common to search by.
_STOP = (
    "a an and are as at be been by can could did do does for from had has have he her his how i if in is it its me my "
    "of on or our please she so tell than that the their them then there these they this to us was we were what when "
    "where which who whom why will with would you your user users "
    "ao aos com como da das de do dos e ela ele em essa esse esta este eu foi isso lhe meu meus minha minhas na nas no "
    "nos nossa nosso o os ou para pela pelo por qual quais quando que quem sao se ser seu seus sua suas te tem um uma "
    "voce usuario "
    "а без бы был была были было в вам вас во вот вы где да для до его ее если есть еще же за и из или им их к как "
    "какая какие какои когда кто ли мне мои моя мое меня мы на наш наша но о об он она они от по при про с свои со "
    "так также там то тогда того тои ты у уже чем что чтобы эта эти это я пользователь пользователя"
)
STOP_WORDS = frozenset(_STOP.split())
# What may differ between two forms of one statement.
_ARTICLES = frozenset(("a", "an", "the", "that", "o", "os", "um", "uma", "que", "что", ",", ".", "!", '"'))

# "my phone number is 5": a subject with one value at a time, and what it is said to be. Folded text.
_OWNER = (
    r"(?:my|our|the user's|user's|meu|minha|nosso|nossa|o meu|a minha|мои|моя|мое|наш|наша)\s+(?:(?:new|current)\s+)?"
)
_SINGLE = (
    r"(?:(?:last |home |work )?"
    r"(?:name|full name|first name|phone|phone number|number|mobile|email|e-mail|address|birthday|birth date|age|"
    r"city|country|job|job title|"
    r"employer|company|boss|time zone|timezone|language|husband|wife|favou?rite \w+|"
    r"nome|telefone|numero de telefone|numero|celular|endereco|aniversario|idade|cidade|pais|emprego|cargo|empresa|"
    r"chefe|fuso horario|idioma|marido|esposa|\w+ favorit[oa]|"
    r"имя|телефон|номер телефона|номер|почта|адрес|день рождения|возраст|город|страна|работа|должность|компания|"
    r"начальник|часовои пояс|язык|муж|жена|любим\w+ \w+))"
)
_IS = r"\s*(?:\b(?:is|are|e|esta|это)\b|[:=—–-])\s*(?!(?:not|nao|не)\b)"
_ATTRIBUTE = re.compile(rf"^{_OWNER}({_SINGLE}){_IS}(?=\S)")
_WHO = r"(?:i|the user|user|eu|o usuario|я|пользователь)?\s*"
_HABITS = (
    ("name", re.compile(r"^(?:call me|me chamo|eu me chamo|меня зовут)\s+\S")),
    ("lives", re.compile(rf"^{_WHO}(?:now )?(?:live|lives|moved to|moro|mora|vivo|живу|живет)\s+\S")),
    (
        "works",
        re.compile(rf"^{_WHO}(?:now )?(?:work|works|trabalho|trabalha|работаю|работает)\s+(?:at|for|na|no|em|в)\s+\S"),
    ),
    ("answers", re.compile(r"^(?:answer me|reply|responda|отвечаи)\s+(?:in|em|на)\s+\S")),
)
_SYNONYMS = {
    "phone": "phone number", "number": "phone number", "mobile": "phone number", "e-mail": "email",
    "birth date": "birthday", "timezone": "time zone", "full name": "name", "first name": "name",
    "nome": "name", "имя": "name", "telefone": "phone number", "numero de telefone": "phone number",
    "телефон": "phone number", "номер телефона": "phone number",
}  # fmt: skip


def fold(text: str) -> str:
    """Return the text for comparing and searching: compatible forms, no accents, lower case, single spaces.

    Characters that cannot be seen (or stored, such as NUL and lone surrogates) become blanks.
    """
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "'"))
    seen = "".join(char if char.isprintable() else " " for char in decomposed)
    plain = "".join(char for char in seen if not unicodedata.combining(char)).casefold()
    return _SPACE.sub(" ", unicodedata.normalize("NFC", plain)).strip(" .!;,")


def key_words(folded: str) -> list[str]:
    """Return the words of folded text that say something, in order, each once."""
    return [word for word in dict.fromkeys(_WORD.findall(folded)) if word not in STOP_WORDS]


# The longest ending that a form may have beyond its stem.
_ENDING = 4


def stem(word: str) -> str:
    """Return a beginning by which forms of a word find each other in three languages; numbers stay whole."""
    if len(word) <= 3 or any(char.isdigit() for char in word):
        return word
    return word[: max(3, len(word) - (1 if len(word) <= 5 else 2))]


def count_met(words: Sequence[str], folded: str) -> int:
    """Return how many of the words are in a folded text, in whatever form: "phone" is met by "phones"."""
    present = key_words(folded)
    whole = set(present)
    begun = {word[: len(word) - ending] for word in present for ending in range(_ENDING + 1)}
    return sum(1 for word in words if _is_met(stem(word), whole, begun))


def _is_met(root: str, whole: Set[str], begun: Set[str]) -> bool:
    """Tell whether a root is a word, or begins one that goes on for an ending's length; numbers must match whole."""
    return root in whole or (root in begun and not root[-1].isdigit())


def is_same_statement(left: str, right: str) -> bool:
    """Tell whether two folded texts say the same: the same words in the same order, articles and dots aside.

    Likeness of letters is no measure here: "from Porto to Rome" and "to Porto from Rome", or two phone numbers, are
    alike and say different things.
    """
    return left == right or _bare(left) == _bare(right)


def _bare(folded: str) -> list[str]:
    return [word for word in _WORD_OR_SIGN.findall(folded) if word not in _ARTICLES]


def subject_key(folded: str) -> str:
    """Return what a statement is about when that has one value at a time ("phone number"), else ""."""
    match = _ATTRIBUTE.match(folded)
    if match:
        return _SYNONYMS.get(match[1], match[1])
    return next((key for key, pattern in _HABITS if pattern.match(folded)), "")


def as_of_user(folded: str, name: str) -> str:
    """Return a folded statement about somebody called by name as one about the user; "" when it is about another."""
    who = fold(name)
    for theirs, users in ((f"{who}'s ", "the user's "), (f"{who} ", "the user ")):
        if who and folded.startswith(theirs):
            return users + folded.removeprefix(theirs)
    return ""
