"""What a new project begins with: folders of files below templates/projects, one for each type.

Every file there ends in .tmpl, which is left out in the project. A few names in double braces, and `__package__` in
paths, become the project's own; nothing in a template is ever run while it is written out.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec
from django.conf import settings

from clawsite.core.errors import BadInput
from guardrails.paths import open_beneath
from runbooks.books.documents import read_yaml

ENDING = ".tmpl"
_PLACE = re.compile(r"\{\{(name|package|title)\}\}")
# Names that the templates' own files and requirements have.
_TAKEN = frozenset({"app", "django", "fastapi", "manage", "site", "starlette", "telegram", "tests", "uvicorn"})


class About(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What template.yaml says: how the type is called, and a name for the first project of it."""

    title: str
    description: str
    mark: str
    suggestion: str
    aliases: list[str] = []


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """One type of project."""

    type: str
    about: About
    folder: Path


@cache
def list_templates() -> tuple[Template, ...]:
    """Return the types there are, by name."""
    return tuple(_read(path.parent) for path in sorted(_root().glob("*/template.yaml")))


def find_template(word: str) -> Template | None:
    """Return a type by its name or one of its aliases."""
    wanted = word.strip().lower().replace("_", "-")
    named = (each for each in list_templates() if wanted == each.type or wanted in each.about.aliases)
    return next(named, None)


def get_template(word: str) -> Template:
    """Return a type; BadInput lists those there are."""
    found = find_template(word)
    if found is None:
        types = ", ".join(each.type for each in list_templates())
        raise BadInput(f"There is no type of project {word[:40]!r}. There are: {types}.")
    return found


def render_template(template: Template, name: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file of a new project."""
    values = {"name": name, "package": package_name(name), "title": name.replace("-", " ").capitalize()}
    for path in sorted(template.folder.rglob(f"*{ENDING}")):
        relative = path.relative_to(template.folder).as_posix().removesuffix(ENDING)
        text = path.read_text(encoding="utf-8")
        yield relative.replace("__package__", values["package"]), _PLACE.sub(lambda found: values[found[1]], text)


def write_template(template: Template, name: str, tree: Path) -> int:
    """Write the files of a new project into its tree; return how many there are."""
    count = 0
    for relative, text in render_template(template, name):
        with open_beneath(tree, relative, mode="wb", create_parents=True) as file:
            file.write(text.encode())
        count += 1
    return count


def package_name(name: str) -> str:
    """Return the name of the Python package of a project, which is nobody else's."""
    made = name.replace("-", "_")
    if made[0].isdigit():
        made = f"p{made}"
    if keyword.iskeyword(made) or made in sys.stdlib_module_names or made in _TAKEN:
        made = f"{made}_project"
    return made


def _root() -> Path:
    return Path(settings.BASE_DIR) / "templates" / "projects"


def _read(folder: Path) -> Template:
    value = read_yaml((folder / "template.yaml").read_text(encoding="utf-8"))
    return Template(type=folder.name, about=msgspec.convert(value, About), folder=folder / "files")
