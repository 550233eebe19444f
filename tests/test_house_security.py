"""The house's own rules about what is dangerous: each may be done in a few modules only, the doors, or nowhere.

A rule names what it forbids, and its doors with the reason for each. Every rule carries code that it must
find and code that it must not.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache

import pytest

from tests.test_house import modules, texts

Finder = Callable[[ast.AST], bool]


def imports(*names: str) -> Finder:
    """Find imports of these modules and of what is in them."""

    def find(node: ast.AST) -> bool:
        found = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        found += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        return any(each == name or each.startswith(f"{name}.") for each in found for name in names)

    return find


def calls(pattern: str) -> Finder:
    """Find calls of what is written like this."""
    return lambda node: isinstance(node, ast.Call) and bool(re.fullmatch(pattern, ast.unparse(node.func)))


def passes(name: str, *values: object) -> Finder:
    """Find calls with this keyword and one of these constants; without values, with anything."""

    def find(node: ast.AST) -> bool:
        given = [each.value for each in node.keywords if each.arg == name] if isinstance(node, ast.Call) else []
        return any(not values or (isinstance(each, ast.Constant) and each.value in values) for each in given)

    return find


def sets(name: str, value: object) -> Finder:
    """Find a name or attribute that is set to this constant."""

    def find(node: ast.AST) -> bool:
        targets = node.targets if isinstance(node, ast.Assign) else []
        named = any(ast.unparse(target).rpartition(".")[2] == name for target in targets)
        return named and isinstance(node, ast.Assign) and ast.unparse(node.value) == repr(value)

    return find


def either(*finders: Finder) -> Finder:
    return lambda node: any(find(node) for find in finders)


@dataclass(frozen=True, kw_only=True)
class Rule:
    finds: Finder
    bad: tuple[str, ...]
    good: tuple[str, ...]
    doors: Mapping[str, str] = field(default_factory=dict)


RULES: Mapping[str, Rule] = {
    "processes are started behind one door": Rule(
        finds=either(
            imports("subprocess", "pty", "pexpect", "sh"),
            calls(r"os\.(system|popen|fork|forkpty|exec\w+|spawn\w+|posix_spawnp?)|asyncio\.create_subprocess_\w+"),
        ),
        bad=("import subprocess", "from subprocess import run", "os.system('ls')", "os.execv(a, b)", "os.fork()"),
        good=("import shlex", "os.replace(a, b)", "run(['ls'])"),
        doors={
            "guardrails/processes.py": "argument lists, limits, groups that end",
            "guardrails/sandbox.py": "tries once whether bubblewrap works",
            "clawsite/ops/children.py": "forks the roles",
            "clawsite/ops/demo.py": "becomes `manage.py up`",
            "runbooks/run.py": "forks a job",
        },
    ),
    "no shell": Rule(
        finds=passes("shell"),
        bad=("run(argv, shell=True)", "Popen(argv, shell=shell)"),
        good=("run(argv)", "shell = 1"),
    ),
    "HTTP goes out through the guarded client": Rule(
        finds=imports(
            "httpx",
            "requests",
            "urllib.request",
            "urllib3",
            "aiohttp",
            "http.client",
            "ftplib",
            "telnetlib",
            "xmlrpc",
            "smtplib",
            "poplib",
            "imaplib",
        ),
        bad=(
            "import httpx",
            "import requests",
            "from urllib import request",
            "import urllib.request",
            "import smtplib",
        ),
        good=("from urllib.parse import urlsplit", "from guardrails.http import fetch", "import http"),
        doors={
            "guardrails/http/*.py": "the guarded client",
            "bots/channels/telegram/*.py": "the SDK's own client, to the address of a setting",
            "clawsite/ops/smoke.py": "asks an instance of ours for its health",
            "clawsite/ops/backups/answering.py": "asks our own health after a restore",
            "clawsite/ops/selfalerts/*.py": "mail to the server of a setting",
        },
    ),
    "text is never declared to be safe HTML": Rule(
        finds=either(calls(r"(\w+\.)*(mark_safe|SafeString|SafeText)"), imports("django.utils.safestring.mark_safe")),
        bad=("mark_safe(text)", "from django.utils.safestring import mark_safe", "SafeString(text)"),
        good=("format_html('<b>{}</b>', text)", "from django.utils.safestring import SafeString"),
    ),
    "no view does without the CSRF check": Rule(
        finds=imports("django.views.decorators.csrf.csrf_exempt"),
        bad=("from django.views.decorators.csrf import csrf_exempt",),
        good=("from django.views.decorators.csrf import ensure_csrf_cookie",),
    ),
    "no code is made of text": Rule(
        finds=calls(r"(builtins\.)?(eval|exec|compile|__import__)"),
        bad=("eval(text)", "exec(code)", "__import__(name)"),
        good=("re.compile(text)", "cursor.exec(1)", "literal_eval(text)"),
        doors={"bots/skills/child.py": "runs an enabled skill inside the sandbox"},
    ),
    "nothing is unpickled": Rule(
        finds=imports("pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"),
        bad=("import pickle", "from marshal import loads"),
        good=("import json",),
    ),
    "YAML is read as data": Rule(
        finds=calls(r"yaml\.(load|load_all|unsafe_load|unsafe_load_all|full_load|full_load_all)"),
        bad=("yaml.load(text, Loader=yaml.Loader)", "yaml.full_load(text)"),
        good=("yaml.safe_load(text)",),
    ),
    "archives are never extracted as they say": Rule(
        finds=either(calls(r".*\.(extractall|unpack_archive)"), imports("shutil.unpack_archive")),
        bad=("tar.extractall(path)", "shutil.unpack_archive(a, b)"),
        good=("tar.getmembers()",),
    ),
    "certificates are checked": Rule(
        finds=either(
            passes("verify", False),
            sets("check_hostname", False),
            calls(r"ssl\._create_unverified_context"),
            passes("cert_reqs", 0),
            calls(r"ssl\._create_stdlib_context"),
        ),
        bad=("Client(verify=False)", "context.check_hostname = False", "ssl._create_unverified_context()"),
        good=("Client(verify=context)", "context.check_hostname = True"),
        doors={"clawsite/rpc/dial.py": "a gateway that is known by its certificate's fingerprint"},
    ),
    "SQL is written in a few places": Rule(
        finds=either(
            calls(r"RawSQL|.*\.(objects|_default_manager)\.raw|.*\.extra"), imports("django.db.connections.raw")
        ),
        bad=("RawSQL(sql, params)", "Fact.objects.raw(sql)", "rows.extra(where=[x])"),
        good=("rows.filter(a=1)", "cursor.execute('SELECT 1')"),
        doors={
            "clawsite/core/sql.py": "conditions as an index has them, constants of the code",
            "sessions_app/search.py": "full-text search",
            "sessions_app/facts.py": "full-text search",
        },
    ),
    "digests are strong": Rule(
        finds=calls(r"hashlib\.(md5|sha1)|md5|sha1"),
        bad=("hashlib.md5(b)", "hashlib.sha1(b)"),
        good=("hashlib.sha256(b)",),
    ),
    "temporary files have names that nobody can guess": Rule(
        finds=calls(r"(tempfile\.)?mktemp|os\.tempnam"), bad=("tempfile.mktemp()",), good=("tempfile.mkdtemp()",)
    ),
    "debugging is off": Rule(finds=sets("DEBUG", True), bad=("DEBUG = True",), good=("DEBUG = False",)),
}


@cache
def hits() -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Return for each rule the modules of the product that do what it is about, with the line."""
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, node in _nodes():
        for title, rule in RULES.items():
            if rule.finds(node):
                found[title].append((name, f"{name}:{getattr(node, 'lineno', 0)}"))
    return {title: tuple(where) for title, where in found.items()}


def _nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield the statements that a rule may look at: the others are many."""
    for name, tree in modules(product=True):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call | ast.Import | ast.ImportFrom | ast.Assign):
                yield name, node


@pytest.mark.parametrize("title", RULES)
def test_a_rule_finds_what_it_is_about_and_nothing_else(title: str) -> None:
    rule = RULES[title]
    found = {code: any(rule.finds(node) for node in ast.walk(ast.parse(code))) for code in rule.bad + rule.good}

    assert found == dict.fromkeys(rule.bad, True) | dict.fromkeys(rule.good, False)


@pytest.mark.parametrize("title", RULES)
def test_dangerous_things_are_done_behind_their_doors_only(title: str) -> None:
    doors = RULES[title].doors
    elsewhere = [where for name, where in hits().get(title, ()) if not any(fnmatch(name, door) for door in doors)]

    assert elsewhere == []


# In templates: what a policy for pages would have to allow.
MARKUP = {
    "inline scripts": re.compile(r"<script(?![^>]*(?:\bsrc=|application/json))[^>]*>"),
    "handlers in attributes": re.compile(r"\son[a-z]+\s*="),
    "addresses that are code": re.compile(r"javascript:", re.IGNORECASE),
    "text that is not escaped": re.compile(r"\|\s*safe\b|autoescape\s+off|\bsafeseq\b"),
    "files from elsewhere": re.compile(r"(?:src|href)=[\"'](?:https?:)?//"),
    "inline styles": re.compile(r"<style|\sstyle\s*="),
}


@pytest.mark.parametrize("what", MARKUP)
def test_templates_do_without(what: str) -> None:
    found = [
        f"{name}: {match[0]}"
        for name, text in texts(".html")
        if name.startswith("templates/") and not name.startswith("templates/projects/")
        for match in MARKUP[what].finditer(text)
    ]

    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "<script>x</script>",
        "<a onclick ='x'>",
        "<a href='JavaScript:x'>",
        "{{ x | safe }}",
        "<img src='//x.example/'>",
        "<p style='x'>",
        "{% autoescape off %}",
    ],
)
def test_the_rules_for_templates_see_them(text: str) -> None:
    assert any(pattern.search(text) for pattern in MARKUP.values())


@pytest.mark.parametrize("text", ['<script type="application/json">', '<script src="a.js" defer>', "<p class='on'>"])
def test_the_rules_for_templates_let_the_rest_be(text: str) -> None:
    assert not any(pattern.search(text) for pattern in MARKUP.values())
