"""parse_mode HTML: what the real server accepts, and what it says when it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.telegram.entities import HtmlParser, parse_text, utf16_length
from tests.servers.telegram.errors import ApiError


def kinds(html: str) -> tuple[str, list[tuple[str, int, int]]]:
    text, entities = parse_text(html, parse_mode="HTML", entities=None)
    return text, [(entity["type"], entity["offset"], entity["length"]) for entity in entities]


@pytest.mark.parametrize(
    ("html", "text", "entities"),
    [
        ("a <b>b</b>", "a b", [("bold", 2, 1)]),
        ("<b>a<i>b</i></b>", "ab", [("bold", 0, 2), ("italic", 1, 1)]),
        ("😀<u>é</u>", "😀é", [("underline", 2, 1)]),
        ("<strong>x</strong><em>y</em><ins>z</ins><del>w</del>", "xyzw",
         [("bold", 0, 1), ("italic", 1, 1), ("underline", 2, 1), ("strikethrough", 3, 1)]),
        ("<span class='tg-spoiler'>x</span><tg-spoiler>y</tg-spoiler>", "xy", [("spoiler", 0, 1), ("spoiler", 1, 1)]),
        ("<blockquote expandable>x</blockquote>", "x", [("expandable_blockquote", 0, 1)]),
        ("1 &lt; 2 &amp; 3 &gt; &quot;2&quot; &#33; &#x21; &nbsp;", '1 < 2 & 3 > "2" ! ! &nbsp;', []),
        ("<B>x</B>", "x", [("bold", 0, 1)]),
        ("  <b> x </b>  ", "x", [("bold", 0, 1)]),
        ("<b></b>x", "x", []),
        ("<a>https://a.bc/</a>", "https://a.bc/", [("text_link", 0, 13)]),
        ("<a href='nowhere'>x</a>", "x", []),
    ],
)  # fmt: skip
def test_accepted(html: str, text: str, entities: list[tuple[str, int, int]]) -> None:
    assert kinds(html) == (text, entities)


def test_links_and_code_keep_their_arguments() -> None:
    html = '<a href="https://a.b/?x=1&amp;y">l</a> <pre><code class="language-python">p</code></pre> <a href="tg://user?id=5">u</a>'
    _, entities = parse_text(html, parse_mode="HTML", entities=None)
    assert entities[0]["url"] == "https://a.b/?x=1&y"
    assert (entities[1]["type"], entities[1]["language"]) == ("pre", "python")
    assert entities[2]["user"]["id"] == 5


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ("<x>", 'Unsupported start tag "x" at byte offset 0'),
        ("é <div>", 'Unsupported start tag "div" at byte offset 3'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("x <b", "Unclosed start tag at byte offset 2"),
        ("<a href='x", 'Unclosed start tag "a" at byte offset 0'),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<a =x>y</a>", 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<a href=x$y>y</a>", "Unexpected end of name token at byte offset 8"),
        ("a<br>b", 'Unsupported start tag "br" at byte offset 1'),
    ],
)
def test_refused(html: str, problem: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_text(html, parse_mode="HTML", entities=None)
    assert caught.value.description == f"Bad Request: can't parse entities: {problem}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/start", ["bot_command"]),
        ("/start@some_bot now", ["bot_command"]),
        ("a/b </b>", []),
        ("@alice1 and me@example.com", ["mention", "email"]),
        ("see https://example.com/a_(b).", ["url"]),
        ("#tag #1 C#", ["hashtag"]),
    ],
)
def test_found_in_plain_text(text: str, found: list[str]) -> None:
    assert [entity["type"] for entity in parse_text(text, parse_mode=None, entities=None)[1]] == found


def test_nothing_is_found_in_code() -> None:
    assert kinds("<code>/start @alice1</code>")[1] == [("code", 0, 14)]


@given(st.text(alphabet="<>/&;=\"' abixé😀#xlt\n", max_size=60))
def test_any_text_is_parsed_or_refused(html: str) -> None:
    try:
        text, entities = HtmlParser(html).parse()
    except ApiError:
        return
    length = utf16_length(text)
    assert all(e["offset"] >= 0 and e["offset"] + e["length"] <= length for e in entities)
