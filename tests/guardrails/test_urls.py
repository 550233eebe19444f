"""Links: found as clients find them, and told apart by where they come from."""

from __future__ import annotations

import pytest

from guardrails.urls import extract_urls, host_of, is_grounded, url_key

FOUND = [
    ("see https://a.example/x.", ["https://a.example/x"]),
    ("(https://a.example/x_(y)), ok", ["https://a.example/x_(y)"]),
    ("**https://a.example/x**!", ["https://a.example/x"]),
    ("<https://a.example/?q=1&r=2>", ["https://a.example/?q=1&r=2"]),
    (
        "[text](https://a.example/p 'title') and ![i](<http://b.example/i.png>)",
        ["https://a.example/p", "http://b.example/i.png"],
    ),
    ("[x](//c.example/y)", ["//c.example/y"]),
    ("[x](javascript:alert(1))", ["javascript:alert(1)"]),
    ("run JavaScript:alert(1) now", ["JavaScript:alert(1)"]),
    ("data:text/html;base64,PHNjcmlwdD4=", ["data:text/html;base64,PHNjcmlwdD4="]),
    ("www.a.example/x and evil.com/y?z, ftp://d.example", ["www.a.example/x", "evil.com/y?z", "ftp://d.example"]),
    ("HTTPS://A.EXAMPLE/X", ["HTTPS://A.EXAMPLE/X"]),
    (
        "https://пример.рф/путь и http://xn--e1afmkfd.xn--p1ai",
        ["https://пример.рф/путь", "http://xn--e1afmkfd.xn--p1ai"],
    ),
    ("请看 https://a.example/x。好", ["https://a.example/x"]),
    ('<a href="https://a.example/x">', ["https://a.example/x"]),
    ("https:\\\\a.example\\x", ["https:\\\\a.example\\x"]),
    ("tg://resolve?domain=evil", ["tg://resolve?domain=evil"]),
]
NO_LINKS = [
    "main.py README.md node.js manage.py requirements.txt java.io.File",
    "e.g. this, i.e. that... and 3.14, 10:30, note: x",
    "alice@example.com",
    "data: 5, javascript: a language",
    "f(x)[0](y) a[1](2)"[:8],
    "std::vector<int> a::b",
]


@pytest.mark.parametrize(("text", "urls"), FOUND)
def test_links_are_found(text: str, urls: list[str]) -> None:
    assert list(extract_urls(text)) == urls


@pytest.mark.parametrize("text", NO_LINKS)
def test_what_is_no_link_is_not_found(text: str) -> None:
    assert extract_urls(text) == ()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://A.Example:443/x", "a.example"),
        ("https://good.example@evil.example/", "evil.example"),
        ("https://good.example:pw@evil.example", "evil.example"),
        ("https://good.example\\@evil.example/", ""),
        ("https://evil.example#good.example", "evil.example"),
        ("https://evil.example?good.example", "evil.example"),
        ("https://good.example./x", "good.example"),
        ("https://good。example/x", "good.example"),
        ("https://пример.рф/", "xn--e1afmkfd.xn--p1ai"),
        ("https://straße.example/", "xn--strae-oqa.example"),
        ("http://[::1]:8000/", "::1"),
        ("//evil.example/x", "evil.example"),
        ("evil.example/x", "evil.example"),
        ("evil.example:8080/x", "evil.example"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
    ],
)
def test_the_host_is_the_one_a_browser_goes_to(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("url", "grounded"),
    [
        ("https://good.example/any/path", True),
        ("https://docs.good.example/", True),
        ("https://GOOD.example.", True),
        ("https://notgood.example/", False),
        ("https://good.example.evil.test/", False),
        ("https://good.example@evil.test/", False),
        ("https://evil.test/good.example", False),
        ("https://good.example%2eevil.test/", False),
        ("https://known.test/a?b=1", True),
        ("http://known.test/a?b=1#part", True),
        ("https://known.test/a?b=2", False),
        ("https://known.test/", False),
        ("https://known.test:8443/a?b=1", False),
        ("https://gооd.example/", False),
        ("javascript:alert(1)//good.example", False),
    ],
)
def test_a_link_is_grounded_by_its_exact_address_or_its_host(url: str, grounded: bool) -> None:
    known = frozenset({"https://known.test/a?b=1"})
    assert is_grounded(url, known=known, allowed=("good.example",)) is grounded


def test_entries_may_be_written_in_several_ways() -> None:
    for entry in ("good.example", "*.good.example", "https://good.example/x", " GOOD.example "):
        assert is_grounded("https://www.good.example/", known=frozenset(), allowed=(entry,))


def test_keys_join_what_is_one_address() -> None:
    assert url_key("HTTPS://A.example:443/x/#top") == url_key("http://a.example/x")
    assert url_key("https://a.example/X") != url_key("https://a.example/x")
