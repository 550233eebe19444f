"""Everything the product says is said in three languages, and the compiled files are those of the sources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation import gettext, ngettext

from bots.commands.registry import find_command
from tests.locale import catalogs
from tests.locale.catalogs import LANGUAGES, PLACES, Place, compiled, problems, update

# Not the end of a tag, not a part of a path or an address, not one letter as in /min.
_NAMED = re.compile(r"(?<![\w/<.:}\])])/([a-z_]{4,})(?![\w/])")
HINT = "run python -m tests.locale update, translate, then python -m tests.locale compile"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.locale.parent.name)
def test_every_text_is_translated_and_compiled(place: Place, language: str) -> None:
    found = problems(place, language)
    assert not found, "\n".join([*found, HINT])


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "I do not know this command. /help lists what you can use."),
        ("pt-br", "Não conheço este comando. /help mostra os que você pode usar."),
        ("ru", "Я не знаю такой команды. /help покажет доступные вам."),
    ],
)
def test_django_finds_the_compiled_texts(code: str, text: str) -> None:
    with translation.override(code):
        assert gettext("I do not know this command. /help lists what you can use.") == text


@pytest.mark.parametrize(
    ("code", "count", "word"),
    [
        ("en", 1, "fact"), ("en", 2, "facts"),
        ("pt-br", 1, "fato"), ("pt-br", 5, "fatos"),
        ("ru", 1, "факт"), ("ru", 2, "факта"), ("ru", 5, "фактов"), ("ru", 11, "фактов"), ("ru", 21, "факт"),
        ("ru", 22, "факта"), ("ru", 100, "фактов"),
    ],
)  # fmt: skip
def test_plurals_are_those_of_the_language(code: str, count: int, word: str) -> None:
    with translation.override(code):
        text = ngettext("I remember {count} fact here", "I remember {count} facts here", count).format(count=count)
    assert f"{count} {word}" in text
    assert not text.endswith(f"{word}s")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.locale.parent.name)
def test_every_text_that_is_marked_is_collected(place: Place) -> None:
    """A text within an f-string is not seen by what collects; it is put into a name before."""
    ids = [each.id for each in catalogs.collect(place)]
    collected = {text for each in ids for text in (each if isinstance(each, tuple) else (each,))}
    paths = [path for name in place.sources for path in (catalogs.ROOT / name).rglob("*.py")]
    missed = [f"{path}: {text!r}" for path in paths for text in _marked(path) if text not in collected]
    assert not missed, "\n".join(missed)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.locale.parent.name)
def test_every_command_that_is_named_is_one(place: Place) -> None:
    ids = [each.id for each in catalogs.collect(place)]
    texts = [text for each in ids for text in ([each] if isinstance(each, str) else each)]
    named = {(name, text) for text in texts for name in _NAMED.findall(text)}
    assert [text for name, text in named if find_command(name) is None] == []


def _marked(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in catalogs.KEYWORDS:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


# --- The tool itself: it finds what is wrong -------------------------------------------------------------------

SOURCE = """
from django.utils.translation import gettext as _, ngettext
a = _("Hello {name}, see /help")
b = ngettext("{count} cat", "{count} cats", 3)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A small project of its own with one source file."""
    monkeypatch.setattr(catalogs, "ROOT", tmp_path)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "texts.py").write_text(SOURCE, encoding="utf-8")
    made = Place(locale=tmp_path / "locale", sources=("app",))
    update(made, "ru")
    return made


def translate(place: Place, hello: str, cats: str) -> None:
    path = place.po("ru")
    text = path.read_text(encoding="utf-8")
    head, _, _ = text.partition('msgid "Hello')
    head = head.partition("#: app")[0]
    first = f'msgid "Hello {{name}}, see /help"\nmsgstr "{hello}"\n\n'
    second = f'msgid "{{count}} cat"\nmsgid_plural "{{count}} cats"\n{cats}'
    path.write_text(head + first + second, encoding="utf-8")
    path.with_suffix(".mo").write_bytes(compiled(place, "ru"))


THREE = 'msgstr[0] "{count} кот"\nmsgstr[1] "{count} кота"\nmsgstr[2] "{count} котов"\n'


def test_a_whole_translation_has_no_problems(place: Place) -> None:
    translate(place, "Привет, {name}, см. /help", THREE)
    assert problems(place, "ru") == []


@pytest.mark.parametrize(
    ("hello", "cats", "problem"),
    [
        ("", THREE, "not there"),
        ("Привет, {nome}, см. /help", THREE, "other placeholders"),
        ("Привет, {name}, см. /помощь", THREE, "other commands"),
        ("Привет, {name}, см. /help ", THREE, "other blanks"),
        (
            "Привет, {name}, см. /help",
            'msgstr[0] "{count} кот"\nmsgstr[1] "{count} кота"\n',
            "not there: '{count} cat'",
        ),
    ],
)
def test_mistakes_are_named(place: Place, hello: str, cats: str, problem: str) -> None:
    translate(place, hello, cats)
    assert any(problem in line for line in problems(place, "ru"))


def test_new_and_left_over_texts_are_named(place: Place, tmp_path: Path) -> None:
    translate(place, "Привет, {name}, см. /help", THREE)
    (tmp_path / "app" / "texts.py").write_text(SOURCE.replace("Hello {name}, see /help", "Bye"), encoding="utf-8")
    found = problems(place, "ru")
    assert any("not there: 'Bye'" in line for line in found)
    assert any("left over: 'Hello" in line for line in found)


def test_a_stale_compiled_file_is_named(place: Place) -> None:
    translate(place, "Привет, {name}, см. /help", THREE)
    path = place.po("ru")
    path.write_text(path.read_text(encoding="utf-8").replace("Привет", "Здравствуйте"), encoding="utf-8")
    assert any("out of date" in line for line in problems(place, "ru"))


def test_updating_keeps_translations_and_is_stable(place: Place) -> None:
    translate(place, "Привет, {name}, см. /help", THREE)
    update(place, "ru")
    first = place.po("ru").read_text(encoding="utf-8")
    assert "Привет" in first
    assert all(form in first for form in ("{count} кот", "{count} кота", "{count} котов"))
    update(place, "ru")
    assert place.po("ru").read_text(encoding="utf-8") == first


def test_a_text_that_becomes_a_plural_waits_for_words(place: Place, tmp_path: Path) -> None:
    """The words of another shape fit no more: one text has one string, a plural has one for each form."""
    translate(place, "Привет, {name}, см. /help", THREE)
    path = tmp_path / "app" / "texts.py"
    plural = 'a = ngettext("Hello {name}, see /help", "Hello {name}, all see /help", 3)'
    path.write_text(SOURCE.replace('a = _("Hello {name}, see /help")', plural), encoding="utf-8")
    update(place, "ru")
    found = problems(place, "ru")
    assert any("not there: 'Hello {name}, see /help'" in line for line in found)
    assert not any("left over" in line or "{count} cat" in line for line in found)
    path.write_text(SOURCE, encoding="utf-8")
    update(place, "ru")
    assert "all see /help" not in place.po("ru").read_text(encoding="utf-8")
