"""Markdown becomes formatted text; whatever it is, no word is lost."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.channels.markdown import MAX_CHARS, is_safe_link, parse_markdown
from bots.channels.rich import Style


def styled(text: str) -> list[tuple[str, str]]:
    """The styled stretches of a Markdown text as (style, text), links and code with their value."""
    rich = parse_markdown(text)
    return [
        (f"{span.style}:{span.value}" if span.value else str(span.style), rich.text[span.start : span.end])
        for span in rich.spans
    ]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("one\ntwo", "one\ntwo"),
        ("one\n\n\n\ntwo", "one\n\ntwo"),
        ("# Title\ntext", "Title\n\ntext"),
        ("- a\n- b\n  - c\n    - d\n- e", "• a\n• b\n  ◦ c\n    ▪ d\n• e"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("0. a\n1. b", "0. a\n1. b"),
        ("1. a\n\n   more\n2. b", "1. a\n\n  more\n\n2. b"),
        ("a\n\n---\n\nb", "a\n\n———\n\nb"),
        ("<b>no</b> <script>x</script>", "<b>no</b> <script>x</script>"),
        ("<div>\nno\n</div>", "<div>\nno\n</div>"),
        ("&lt;b&gt; &amp; &copy;", "<b> & ©"),
        ("snake_case_name and 2*3*4", "snake_case_name and 234"),
        ("[1]: https://example.org", "[1]: https://example.org"),
        ("```\n```", "```\n```"),
        ("a  \nb", "a\nb"),
        ("\\*not\\*", "*not*"),
        ("text\x00 with nul", "text with nul"),
    ],
)
def test_visible_text(source: str, text: str) -> None:
    assert parse_markdown(source).text == text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("**b** *i* ~~s~~ `c`", [("bold", "b"), ("italic", "i"), ("strike", "s"), ("code", "c")]),
        ("***x***", [("italic", "x"), ("bold", "x")]),
        ("## Head **x**", [("bold", "Head x"), ("bold", "x")]),
        ("```python\nx = 1\n```", [("pre:python", "x = 1")]),
        ("    indented", [("pre", "indented")]),
        ("> q\n> r", [("quote", "q\nr")]),
        ("> a\n>> b", [("quote", "a\n\nb")]),
        ("[x](https://e.org/?a=1&b=2)", [("link:https://e.org/?a=1&b=2", "x")]),
        ("<https://e.org>", [("link:https://e.org", "https://e.org")]),
        ("![pic](https://e.org/a.png)", [("link:https://e.org/a.png", "pic")]),
        ("[![pic](https://e.org/a.png)](https://e.org)", [("link:https://e.org", "pic")]),
        ("[`c`](https://e.org)", [("link:https://e.org", "c")]),
        ("[](https://e.org)", [("link:https://e.org", "https://e.org")]),
        ("- a **b**\n- c", [("bold", "b")]),
    ],
)
def test_styles(source: str, expected: list[tuple[str, str]]) -> None:
    assert sorted(styled(source)) == sorted(expected)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("[x](ftp://e.org/f)", "x (ftp://e.org/f)"),
        ("[x](docs/a.md)", "x (docs/a.md)"),
        ("[x](javascript:alert)", "[x](javascript:alert)"),
        ("[x](http://)", "x (http://)"),
        ("![alt](local.png)", "alt (local.png)"),
    ],
)
def test_unsafe_addresses_are_shown_and_not_pressable(source: str, shown: str) -> None:
    rich = parse_markdown(source)
    assert (rich.text, rich.spans) == (shown, ())


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://e.org", True),
        ("http://[::1]/", True),
        ("tg://user?id=5", True),
        ("mailto:a@e.org", True),
        ("mailto:", False),
        ("https:///path", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("http://[bad", False),
        ("//e.org", False),
        ("", False),
    ],
)
def test_which_links_are_safe(url: str, safe: bool) -> None:
    assert is_safe_link(url) is safe


def test_small_table_is_aligned() -> None:
    rich = parse_markdown("| name | n |\n|---|--:|\n| яблоко | 7 |\n| 日本 | 12 |")
    assert rich.text == "name   │  n\n───────┼───\nяблоко │  7\n日本   │ 12"
    assert [span.style for span in rich.spans] == [Style.PRE]


def test_table_with_links_or_too_wide_is_written_out() -> None:
    rich = parse_markdown("| name | where |\n|---|---|\n| a | [x](https://e.org) |\n| b | y |")
    assert rich.text == "name: a\nwhere: x\n\nname: b\nwhere: y"
    assert ("link:https://e.org", "x") in styled("| n | w |\n|---|---|\n| a | [x](https://e.org) |")
    wide = parse_markdown(f"| name | text |\n|---|---|\n| a | {'word ' * 30} |")
    assert wide.text.startswith("name: a\ntext: word word")


def test_table_in_the_middle_keeps_its_distance() -> None:
    assert parse_markdown("before\n\n| a |\n|---|\n| b |\n\nafter").text == "before\n\na\n─\nb\n\nafter"


WORDS = st.text(st.sampled_from("abcdefgxyzäж🙂"), min_size=1, max_size=6)
INLINE = st.one_of(
    WORDS,
    WORDS.map(lambda w: f"**{w}**"),
    WORDS.map(lambda w: f"*{w}*"),
    WORDS.map(lambda w: f"`{w}`"),
    WORDS.map(lambda w: f"~~{w}~~"),
    WORDS.map(lambda w: f"[{w}](https://e.org)"),
    WORDS.map(lambda w: f"![{w}](https://e.org)"),
)
LINE = st.lists(INLINE, min_size=1, max_size=5).map(" ".join)
BLOCK = st.one_of(
    LINE,
    LINE.map(lambda line: f"# {line}"),
    LINE.map(lambda line: f"> {line}"),
    st.lists(LINE, min_size=1, max_size=4).map(lambda lines: "\n".join(f"- {line}" for line in lines)),
    st.lists(LINE, min_size=1, max_size=4).map(lambda lines: "\n".join(f"1. {line}\n   - {line}" for line in lines)),
    WORDS.map(lambda word: f"```\n{word}\n```"),
    st.lists(WORDS, min_size=2, max_size=4).map(
        lambda row: f"| {' | '.join(row)} |\n|{'---|' * len(row)}\n| {' | '.join(row)} |"
    ),
)


@given(st.lists(BLOCK, min_size=1, max_size=6))
def test_no_word_is_lost(blocks: list[str]) -> None:
    source = "\n\n".join(blocks)
    letters = [char for char in source.replace("https://e.org", "") if char.isalpha() or char == "🙂"]
    shown = [char for char in parse_markdown(source).text if char.isalpha() or char == "🙂"]
    assert shown == letters


@given(st.text(st.characters(categories=None), max_size=300))
def test_any_text_is_parsed_and_spans_lie_inside(source: str) -> None:
    rich = parse_markdown(source)
    rich.text.encode()
    assert all(0 <= span.start < span.end <= len(rich.text) for span in rich.spans)
    assert rich.text.strip() or not source.replace("\x00", "").strip()


@given(st.text(st.sampled_from("*_`~[]()<>!#>|-+1. \n\\&;ab"), max_size=200))
def test_any_mix_of_marks_is_parsed(source: str) -> None:
    rich = parse_markdown(source)
    assert [char for char in rich.text if char in "ab"] == [char for char in source if char in "ab"]


@pytest.mark.parametrize(
    "unit",
    ["[", "![[", "*a", "**a_", ">", "> ", "- ", "`", "<", "[a](b", "|a", "\\", "&amp;", "1. ", "~~a", "(", "[a]"],
)
def test_hostile_text_takes_no_time(unit: str) -> None:
    source = unit * (MAX_CHARS // len(unit))
    start = time.thread_time()
    assert parse_markdown(source).text
    assert time.thread_time() - start < 1.0


def test_deep_nesting_is_shown_as_it_is() -> None:
    source = ">" * 150 + " deep"
    assert "deep" in parse_markdown(source).text
    assert "word" in parse_markdown("\n".join("  " * depth + "- x" for depth in range(90)) + " word").text


def test_very_long_text_is_not_parsed() -> None:
    source = "**bold** " * (MAX_CHARS // 9 + 1)
    assert parse_markdown(source).text == source
