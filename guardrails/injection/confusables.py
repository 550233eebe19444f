"""Letters that look like other letters, as plain tables.

Invariant: a look-alike is only exchanged inside a word that mixes scripts, and towards the script most of its letters
belong to, so honest Russian or Greek words are never touched.
"""

from __future__ import annotations

import re

# Keys and values are lower case: the text is case-folded before these tables are used.
_CYRILLIC_AS_LATIN = dict(
    zip(
        "авеёгикмнопрстухчьяіїјѕԁԛԝһґү",
        "abeernkmhonpctyx4briijsdqwhry",
        strict=True,
    )
)
_CYRILLIC_AS_LATIN["ш"] = "w"
_GREEK_AS_LATIN = dict(zip("αβγεηικμνορσςτυχωζ", "abyenikuvopsstuxwz", strict=True))
_LATIN_AS_CYRILLIC = dict(zip("aebkmhopctyxirun3", "аевкмнорстухияипз", strict=True))

# Letters without a Unicode decomposition: small capitals, strokes, IPA forms.
_STYLED = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢıłøđħŧɑɡƒɩʋꞓ", "abcdefghijklmnoprstuvwyzilodhtagfivc", strict=True))
# Negative circled (1F150), negative squared (1F170) and regional indicator (1F1E6) capitals.
_EMOJI_LETTERS = {base + i: chr(97 + i) for base in (0x1F150, 0x1F170, 0x1F1E6) for i in range(26)}

STYLED_LETTERS: dict[int, str] = {ord(k): v for k, v in _STYLED.items()} | _EMOJI_LETTERS
_TO_LATIN = {ord(k): v for k, v in (_CYRILLIC_AS_LATIN | _GREEK_AS_LATIN).items()}
_TO_CYRILLIC = {ord(k): v for k, v in _LATIN_AS_CYRILLIC.items()}

_OTHER_SCRIPT = re.compile(r"[\u0370-\u052f]")
_WORD = re.compile(r"[^\W_]{2,}")
_LATIN = re.compile(r"[a-z]")


def unmix(text: str) -> tuple[str, int]:
    """Return the text with each mixed-script word written in one script, and how many words were changed."""
    if not (_OTHER_SCRIPT.search(text) and _LATIN.search(text)):
        return text, 0
    changed = 0

    def one_word(match: re.Match[str]) -> str:
        nonlocal changed
        word = match[0]
        latin, other = len(_LATIN.findall(word)), len(_OTHER_SCRIPT.findall(word))
        if not latin or not other:
            return word
        changed += 1
        return word.translate(_TO_LATIN if latin >= other else _TO_CYRILLIC)

    return _WORD.sub(one_word, text), changed
