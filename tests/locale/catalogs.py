"""The catalogs, what belongs into each, and everything that can be wrong with one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("pt_BR", "ru")
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None,
    "ngettext": (1, 2), "ngettext_lazy": (1, 2),
}  # fmt: skip
# Everything in the sources that a formatted text may have filled in.
_PLACEHOLDER = re.compile(r"\{[a-z_]*\}|%\([a-z_]+\)[sd]|%[sd]")
_COMMAND = re.compile(r"(?<![\w/])/[a-z_]+")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A locale directory and the sources whose texts it translates."""

    locale: Path
    sources: tuple[str, ...]

    def po(self, language: str) -> Path:
        """Return the path of a language's texts."""
        return self.locale / language / "LC_MESSAGES" / "django.po"


PLACES = (
    Place(locale=ROOT / "bots" / "locale", sources=("bots", "sessions_app", "guardrails", "runbooks")),
    Place(locale=ROOT / "clawsite" / "locale", sources=("clawsite", "templates")),
)


def collect(place: Place) -> Catalog:
    """Return every text of the sources, with the files it is in (without lines, which would change all the time)."""
    found = Catalog(charset="utf-8")
    for path in sorted(_files(place)):
        for _line, text, _comments, _context in _texts_of(path):
            found.add(text, locations=[(path.relative_to(ROOT).as_posix(), 0)])
    return found


def _files(place: Place) -> Iterator[Path]:
    for name in place.sources:
        for pattern in ("*.py", "*.html"):
            yield from (path for path in (ROOT / name).rglob(pattern) if "migrations" not in path.parts)


def _texts_of(path: Path) -> Iterator[tuple[int, str | tuple[str, ...], list[str], str | None]]:
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        source = templatize(source, origin=str(path))
    yield from extract("python", BytesIO(source.encode()), keywords=KEYWORDS)


def read(place: Place, language: str) -> Catalog:
    """Return a language's catalog as it is in its file, empty when there is none."""
    path = place.po(language)
    if not path.is_file():
        return Catalog(locale=language, charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update(place: Place, language: str) -> Path:
    """Bring a .po file in step with the sources: texts come and go, translations stay."""
    old, fresh = read(place, language), Catalog(locale=language, charset="utf-8", header_comment="", fuzzy=False)
    for message in collect(place):
        if message.id:
            known = old.get(_key(message))
            kept = known.string if known and bool(known.pluralizable) == bool(message.pluralizable) else ""
            fresh.add(message.id, string=kept, locations=message.locations)
    path = place.po(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, fresh, width=110, sort_output=True, omit_header=False, include_lineno=False)
    _fix_header(path, language)
    return path


def _fix_header(path: Path, language: str) -> None:
    """Keep the header to what gettext needs, so that a file changes only with its texts."""
    plural = Catalog(locale=language).plural_forms
    body = path.read_text(encoding="utf-8").partition("\n\n")[2]
    lines = (f"Language: {language}", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
             "Content-Transfer-Encoding: 8bit", f"Plural-Forms: {plural}")  # fmt: skip
    header = "".join(f'"{line}\\n"\n' for line in lines)
    path.write_text(f'msgid ""\nmsgstr ""\n{header}\n{body}', encoding="utf-8")


def _key(message: Message) -> str:
    return message.id[0] if isinstance(message.id, (tuple, list)) else message.id


def compiled(place: Place, language: str) -> bytes:
    """Return the bytes of the .mo file that belongs to a .po file."""
    catalog = read(place, language)
    out = BytesIO()
    write_mo(out, catalog)
    return _without_dates(out.getvalue())


def _without_dates(data: bytes) -> bytes:
    """Dates of Babel's own header, which would differ from run to run, become blanks of the same length."""
    return re.sub(rb"(Date: )[^\n]*", lambda match: match[1] + b" " * (len(match[0]) - len(match[1])), data)


def problems(place: Place, language: str) -> list[str]:
    """Return one line for each thing that is wrong with a language."""
    catalog, wanted = read(place, language), collect(place)
    name = place.po(language).relative_to(ROOT).as_posix()
    found = [f"{name}: not there: {_key(each)!r}" for each in wanted if each.id and not _is_done(catalog, each)]
    found += [f"{name}: left over: {_key(each)!r}" for each in catalog if each.id and _key(each) not in wanted]
    for each in catalog:
        if each.id:
            found += [f"{name}: {problem}: {_key(each)!r}" for problem in _mistakes(each)]
    mo = place.po(language).with_suffix(".mo")
    if not mo.is_file() or mo.read_bytes() != compiled(place, language):
        found.append(f"{mo.relative_to(ROOT).as_posix()}: out of date; run python -m tests.locale compile")
    return found


def _is_done(catalog: Catalog, message: Message) -> bool:
    known = catalog.get(_key(message))
    return known is not None and all(_strings(known)) and bool(known.pluralizable) == bool(message.pluralizable)


def _strings(message: Message) -> tuple[str, ...]:
    return tuple(message.string) if isinstance(message.string, (tuple, list)) else (message.string or "",)


def _mistakes(message: Message) -> Iterator[str]:
    """Say what a translation broke: placeholders, commands, outer blanks."""
    ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
    for text in filter(None, _strings(message)):
        if set(_PLACEHOLDER.findall(text)) != set(_PLACEHOLDER.findall(ids[-1])):
            yield "other placeholders"
        if set(_COMMAND.findall(text)) != set(_COMMAND.findall(ids[-1])):
            yield "other commands"
        if text[:1].isspace() != ids[-1][:1].isspace() or text[-1:].isspace() != ids[-1][-1:].isspace():
            yield "other blanks around it"
