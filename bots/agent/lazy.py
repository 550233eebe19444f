"""Importing a package without the thousands of modules whose names it gathers.

`import anthropic` runs 2,900 modules, nearly all of them types of interfaces that nothing here speaks: 46 MB and
1.2 s (anthropic 2.11). Its packages gather names (`from .message import Message`) and do nothing else, so that their
`__init__` can be read instead of run, and a name be imported when somebody asks for it.

A function that hardly anybody calls is imported when it is called: its own module may need many others.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import resolve_name
from types import ModuleType
from typing import Any

Origin = tuple[str, str]  # module, name in it; no name: the module itself


def import_lazily(package: str, *, when_called: Collection[str] = ()) -> None:
    """Make later imports of this package, and of the packages in it, lazy. What is imported already stays as it is.

    when_called: modules of which a package gathers nothing but functions. These wait until they are called.
    """
    if package not in sys.modules:
        sys.meta_path.insert(0, _Finder(package, frozenset(when_called)))


class _Finder(MetaPathFinder):
    """Finds the packages below one; leaves modules, and all others, to Python."""

    def __init__(self, package: str, when_called: frozenset[str]) -> None:
        self._package = package
        self._when_called = when_called

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a package that can be read, or None."""
        if name != self._package and not name.startswith(f"{self._package}."):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or not spec.submodule_search_locations or not isinstance(spec.loader, SourceFileLoader):
            return None
        statements = ast.parse(spec.loader.get_data(spec.loader.path)).body
        if name != self._package and not all(_gathers(statement) for statement in statements):
            return None
        spec.loader = _Reader(dict(_origins(statements, name)), self._when_called)
        return spec


class _Reader(Loader):
    """Makes a package whose names are imported one by one, when they are asked for (PEP 562)."""

    def __init__(self, origins: dict[str, Origin], when_called: frozenset[str]) -> None:
        self._origins = origins
        self._when_called = when_called

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python make the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing; say where each name comes from."""

        def find(name: str) -> object:
            if name not in self._origins:
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            source, original = self._origins[name]
            later = original and source in self._when_called
            value = _waiting(source, original) if later else _import_name(source, original)
            setattr(module, name, value)
            return value

        module.__getattr__ = find  # type: ignore[method-assign]


def _import_name(source: str, original: str) -> Any:
    return getattr(import_module(source), original) if original else import_module(source)


def _waiting(source: str, original: str) -> Callable[..., Any]:
    """Return a function that imports another one and calls it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return _import_name(source, original)(*args, **kwargs)

    return call


def _gathers(statement: ast.stmt) -> bool:
    """Tell whether a statement only brings in names: an import of its own modules, `__all__`, or a docstring."""
    if isinstance(statement, ast.ImportFrom):
        own = statement.level > 0 and all(name.name != "*" for name in statement.names)
        return own or statement.module == "__future__"
    if isinstance(statement, ast.Assign):
        return ast.unparse(statement.targets[0]) == "__all__"
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _origins(statements: list[ast.stmt], package: str) -> Iterator[tuple[str, Origin]]:
    """Yield each name that the imports of a package bring in, with where it is from."""
    for statement in statements:
        if not isinstance(statement, ast.ImportFrom) or not statement.level:
            continue
        source = resolve_name("." * statement.level + (statement.module or ""), package)
        for alias in statement.names:
            origin = (source, alias.name) if statement.module else (f"{source}.{alias.name}", "")
            yield alias.asname or alias.name, origin
