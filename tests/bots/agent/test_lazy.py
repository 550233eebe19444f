"""The SDK of the model is loaded in parts: whole for who asks, small for who does not."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module, invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bots.agent.anthropic import SPANS
from bots.agent.lazy import import_lazily

LOAD = """
import json, sys
from bots.agent.lazy import import_lazily
wanted = json.load(sys.stdin)
if wanted["lazily"]:
    import_lazily("anthropic", when_called=wanted["spans"])
from anthropic import AsyncAnthropic
client = AsyncAnthropic(api_key="none", open_telemetry=False)
modules = len(sys.modules)
client.messages
called = [name for name in wanted["spans"] if name in sys.modules]
import anthropic, anthropic.types.message
missing = [name for name in wanted["names"] if not hasattr(anthropic, name)]
same = anthropic.types.Message is anthropic.types.message.Message
print(json.dumps({"modules": modules, "missing": missing, "same": same, "called": called}))
"""


def load(*, lazily: bool) -> dict[str, Any]:
    """Import the SDK in a process of its own, and look for the names it promises."""
    spec = find_spec("anthropic")
    assert spec is not None
    assert spec.origin is not None
    statements = ast.parse(Path(spec.origin).read_text()).body
    promised = next(
        node.value for node in statements if isinstance(node, ast.Assign) and "__all__" in ast.unparse(node)
    )
    wanted = json.dumps({"lazily": lazily, "spans": SPANS, "names": ast.literal_eval(promised)})
    command = [sys.executable, "-c", LOAD]
    done = subprocess.run(command, input=wanted, text=True, capture_output=True, check=True, timeout=60)
    return dict(json.loads(done.stdout))


def test_the_sdk_is_whole_and_a_part_of_it_is_loaded() -> None:
    lazily, plainly = load(lazily=True), load(lazily=False)
    assert lazily["missing"] == []
    assert lazily["same"]
    assert lazily["modules"] < plainly["modules"] / 4
    assert plainly["called"] == list(SPANS)
    assert lazily["called"] == []


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package with a part that gathers names, and a part that does something of its own."""
    files = {
        "__init__.py": "from .part import Thing, deep\nfrom .code import VALUE as value\nRUN = 1\n",
        "part/__init__.py": '"""Names."""\nfrom __future__ import annotations\nfrom .thing import Thing\n'
        "from .heavy import double as double\n"
        "from . import deep\n__all__ = ['Thing']\n",
        "part/thing.py": "class Thing: ...\n",
        "part/heavy.py": "def double(number, *, more):\n    return number * 2 + more\n",
        "part/deep/__init__.py": "from ..thing import Thing as Other\n",
        "code/__init__.py": "VALUE = 6 * 7\n",
    }
    for name, text in files.items():
        path = tmp_path / "gathers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    invalidate_caches()
    yield "gathers"
    for loaded in [name for name in sys.modules if name.split(".")[0] == "gathers"]:
        del sys.modules[loaded]


def test_names_are_imported_when_they_are_asked_for(package: str) -> None:
    import_lazily(package)
    top = import_module(package)
    assert f"{package}.part" not in sys.modules
    assert top.Thing is import_module(f"{package}.part.thing").Thing
    assert f"{package}.part.deep" not in sys.modules
    assert top.deep.Other is top.Thing
    assert top.value == 42
    with pytest.raises(AttributeError, match="no attribute 'RUN'"):
        _ = top.RUN


def test_a_function_is_imported_when_it_is_called(package: str) -> None:
    import_lazily(package, when_called=[f"{package}.part.heavy"])
    double = import_module(f"{package}.part").double
    assert f"{package}.part.heavy" not in sys.modules
    assert double(4, more=1) == 9
    assert f"{package}.part.heavy" in sys.modules


def test_a_package_that_is_loaded_stays_as_it_is(package: str) -> None:
    top = import_module(package)
    import_lazily(package)
    assert top.RUN == 1
    assert import_module(package) is top
