"""What the page may be told to show: formatted text, and never markup of anybody else."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawsite.web.chat.markdown import is_safe_link, render_markdown, render_plain

TAGS = {
    "p", "br", "strong", "em", "s", "code", "pre", "a", "ul", "ol", "li", "blockquote", "hr", "div", "table", "thead",
    "tbody", "tr", "th", "td", "h1", "h2", "h3", "h4", "h5", "h6",
}  # fmt: skip
ATTRIBUTES = {"href", "target", "rel", "class", "start"}


class Checker(HTMLParser):
    """Reads HTML as a browser would and notes what must not be there."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note tags, attributes and addresses outside of the lists."""
        if tag not in TAGS:
            self.bad.append(tag)
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.bad.append(f"{tag} {name}")
            if name == "href":
                self.links.append(value or "")
                if not re.match(r"(https?://|mailto:)", value or "", re.IGNORECASE):
                    self.bad.append(f"link {value}")

    def handle_comment(self, data: str) -> None:
        """A comment is markup too."""
        self.bad.append("comment")


def check(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    return checker


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "<svg/onload=alert(1)>",
        "[press](javascript:alert(1))",
        "[press](JaVaScRiPt:alert(1))",
        "[press](java\tscript:alert(1))",
        "[press](&#106;avascript:alert(1))",
        "[press](data:text/html;base64,PHNjcmlwdD4=)",
        "[press](vbscript:x)",
        "[press](file:///etc/passwd)",
        "[press](//evil.example)",
        "<javascript:alert(1)>",
        "![x](javascript:alert(1))",
        "![x](https://evil.example/beacon.png)",
        '[x](https://a.example "onmouseover=alert(1)")',
        '[x](https://a.example/"onmouseover="alert(1))',
        "`<img src=x onerror=alert(1)>`",
        "```<script>\nalert(1)\n```",
        '```"><script>alert(1)</script>\nx\n```',
        "|<img src=x onerror=alert(1)>|b|\n|:-:|-:|\n|<script>|x|",
        "<!-- comment --><b onclick=alert(1)>x</b>",
        "https://a.example/<script>alert(1)</script>",
        'https://a.example/"><img/src=x/onerror=alert(1)>',
        "<a href='https://a.example' onclick='alert(1)'>x</a>",
        "<style>body{display:none}</style>",
        "<iframe srcdoc='<script>alert(1)</script>'>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "\x00<scr\x00ipt>alert(1)</script>",
    ],
)
def test_nothing_foreign_survives(text: str) -> None:
    assert check(render_markdown(text)).bad == []
    assert check(render_plain(text)).bad == []


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*"<>\"'`[]()!*_|\n &;:/#-~a1", "javascript:", "https://", "onerror=", "<img", "```"])))
def test_nothing_foreign_survives_whatever_the_text(pieces: list[str]) -> None:
    assert check(render_markdown("".join(pieces))).bad == []


def test_pictures_become_links_and_call_nobody() -> None:
    html = render_markdown("![a cat](https://cats.example/1.png)")
    assert "<img" not in html
    assert check(html).links == ["https://cats.example/1.png"]
    assert "a cat" in html


def test_links_open_elsewhere_and_tell_nothing() -> None:
    html = render_markdown("see [this](https://a.example) or https://b.example/x?y=1&z=2.")
    assert check(html).links == ["https://a.example", "https://b.example/x?y=1&z=2"]
    assert html.count('target="_blank" rel="noopener noreferrer nofollow"') == 2


def test_formatting_works() -> None:
    html = render_markdown(
        "**b** _i_ ~~s~~ `c`\n\n- one\n- two\n\n| a | b |\n|--:|---|\n| 1 | 2 |\n\n```python\nx = 1\n```"
    )
    for piece in ("<strong>b</strong>", "<em>i</em>", "<s>s</s>", "<code>c</code>", "<li>one</li>", 'class="right"'):
        assert piece in html
    assert '<code class="language-python">x = 1\n</code>' in html
    assert "style=" not in html


def test_huge_and_deep_texts_are_shown_as_they_are() -> None:
    for text in ("a" * 50_000, "[" * 5_000, ">" * 500 + " deep", "- " * 300 + "x"):
        html = render_markdown(text)
        assert check(html).bad == []
        assert len(html) >= len(text) * 0.9


@pytest.mark.parametrize("url", ["http://a.example", "HTTPS://a.example/x", "mailto:a@b.example"])
def test_safe_links(url: str) -> None:
    assert is_safe_link(url)


@pytest.mark.parametrize("url", ["javascript:x", "http:", "https://", "mailto:", "tg://x", "/x", "", "http://[bad"])
def test_unsafe_links(url: str) -> None:
    assert not is_safe_link(url)
