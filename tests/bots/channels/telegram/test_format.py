"""Telegram HTML: always accepted, within the limits, and with every word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.channels.base import Button, OutboundFile, OutboundMessage, Part
from bots.channels.markdown import parse_markdown
from bots.channels.rich import Rich, Span, Style, utf16_len
from bots.channels.telegram.format import CAPTION_LIMIT, MAX_HTML_BYTES, TEXT_LIMIT, render, to_html, to_plain
from tests.servers.telegram.entities import parse_text

PHOTO = OutboundFile(path="media/a.png", name="a.png", mime="image/png", kind="photo")
REPORT = OutboundFile(path="media/r.pdf", name="r.pdf")
BUTTONS = ((Button(label="Yes", data="ok:1"),),)


def html(source: str) -> str:
    return to_html(parse_markdown(source))


def seen(body: str) -> tuple[str, list[dict[str, object]]]:
    """What the server makes of it; ApiError when it cannot."""
    return parse_text(body, parse_mode="HTML", entities=None)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("**b** *i* ~~s~~ `c`", "<b>b</b> <i>i</i> <s>s</s> <code>c</code>"),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("**a *b* c**", "<b>a <i>b</i> c</b>"),
        ("**`code`**", "<code>code</code>"),
        ("```js\na<b\n```", '<pre><code class="language-js">a&lt;b</code></pre>'),
        ("```\nx\n```", "<pre>x</pre>"),
        ('```a"b>c\nx\n```', '<pre><code class="language-a&quot;b&gt;c">x</code></pre>'),
        ('[x](https://e.org/?a="1"&b=2)', '<a href="https://e.org/?a=%221%22&amp;b=2">x</a>'),
        ("> q **b**", "<blockquote>q <b>b</b></blockquote>"),
        ("> ```\n> x\n> ```", "<blockquote><pre>x</pre></blockquote>"),
        ("# T", "<b>T</b>"),
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
    ],
)
def test_html(source: str, expected: str) -> None:
    assert html(source) == expected


def test_crossing_styles_are_nested() -> None:
    rich = Rich("abcdef", (Span(0, 4, Style.BOLD), Span(2, 6, Style.ITALIC)))
    assert to_html(rich) == "<b>ab<i>cd</i></b><i>ef</i>"


def test_address_with_quotes_cannot_leave_its_attribute() -> None:
    rich = Rich("x", (Span(0, 1, Style.LINK, 'https://e.org/"><b>'),))
    text, entities = seen(to_html(rich))
    assert text == "x"
    assert [entity["type"] for entity in entities] == ["text_link"]


def test_fallback_names_addresses() -> None:
    rich = parse_markdown("see [docs](https://e.org/d) and <https://e.org> and **b**")
    assert to_plain(rich) == "see docs (https://e.org/d) and https://e.org and b"


def test_fallback_leaves_addresses_out_when_they_do_not_fit() -> None:
    source = " ".join(f"[word{n}](https://example.org/{'x' * 100})" for n in range(100))
    (part,) = render(OutboundMessage(text=source))
    assert "https" not in part.fallback
    assert utf16_len(part.fallback) <= TEXT_LIMIT
    assert len(seen(part.body)[1]) == 100


def test_many_long_links_make_smaller_parts() -> None:
    source = " ".join(f"[w{n}](https://example.org/{'x' * 500})" for n in range(40))
    parts = render(OutboundMessage(text=source))
    assert all(len(part.body.encode()) <= MAX_HTML_BYTES for part in parts)
    dense = " ".join(f"[w](https://example.org/{'y' * 900})" for n in range(24))
    assert [seen(part.body)[0] for part in render(OutboundMessage(text=dense))] == [" ".join(["w"] * 24)]


def test_code_that_is_cut_is_closed_and_opened_with_its_language() -> None:
    code = "\n".join(f"    value_{number} = {number}" for number in range(400))
    parts = render(OutboundMessage(text=f"Look:\n\n```python\n{code}\n```\n\nDone."))
    assert len(parts) > 1
    for part in (part for part in parts if "value_" in part.body):
        assert part.body.count('<pre><code class="language-python">') == part.body.count("</code></pre>") == 1
    lines = [line for part in parts for line in part.fallback.split("\n") if "value_" in line]
    assert lines == code.split("\n")


def test_five_parts_are_messages_and_six_are_a_file() -> None:
    five = render(OutboundMessage(text="word " * (TEXT_LIMIT // 5 * 5 - 10), buttons=BUTTONS))
    assert [part.file for part in five] == [None] * 5
    source = "**word** " * 4000
    first, whole = render(OutboundMessage(text=source, buttons=BUTTONS))
    assert first.body.endswith("</b>\n\n…")
    assert seen(first.body)[0].endswith("…")
    assert whole.file is not None
    assert (whole.file.name, whole.content, whole.buttons) == ("answer.md", source.encode(), BUTTONS)
    assert (first.buttons, first.notify, whole.notify) == ((), True, False)


def test_long_plain_text_is_a_text_file() -> None:
    _, whole = render(OutboundMessage(text="**x** " * 5000, plain=True))
    assert whole.file is not None
    assert whole.file.name == "answer.txt"


def test_text_too_long_to_parse_still_begins_formatted() -> None:
    first, whole = render(OutboundMessage(text="**bold** text\n" * 10_000))
    assert first.body.startswith("<b>bold</b> text")
    assert whole.content == ("**bold** text\n" * 10_000).encode()


def test_short_text_is_the_caption_of_the_last_file() -> None:
    picture, report = render(OutboundMessage(text="**See**", files=(PHOTO, REPORT), buttons=BUTTONS))
    assert (picture.file, picture.body, picture.buttons) == (PHOTO, "", ())
    assert (report.file, report.body, report.fallback, report.buttons) == (REPORT, "<b>See</b>", "See", BUTTONS)


def test_long_text_follows_the_file() -> None:
    picture, text = render(OutboundMessage(text="x" * (CAPTION_LIMIT + 1), files=(PHOTO,)))
    assert (picture.file, picture.body) == (PHOTO, "")
    assert (text.file, len(text.body)) == (None, CAPTION_LIMIT + 1)


def test_caption_limit_counts_utf16_units() -> None:
    parts = render(OutboundMessage(text="🙂" * (CAPTION_LIMIT // 2 + 1), files=(PHOTO,)))
    assert len(parts) == 2


def test_edited_message_has_its_text_first() -> None:
    text, picture = render(OutboundMessage(text="done", files=(PHOTO,), edit_ids=("5",)))
    assert (text.file, text.body, picture.file) == (None, "done", PHOTO)


def test_file_without_text() -> None:
    (part,) = render(OutboundMessage(files=(REPORT,), reply_to_id="4", notify=False))
    assert part == Part(body="", fallback="", file=REPORT, reply_to_id="4", notify=False)


MARKS = st.text(st.sampled_from("*_`~[]()<>!#>|-+1. \n\\&;\"'ab🙂ä\u0301\u200d"), max_size=300)
ANY = st.text(st.characters(categories=None), max_size=300)


@settings(max_examples=300)
@given(MARKS | ANY, st.booleans())
def test_every_part_is_accepted_and_shows_its_words(source: str, plain: bool) -> None:
    for part in render(OutboundMessage(text=source, plain=plain)):
        text, entities = seen(part.body)
        assert utf16_len(text) <= TEXT_LIMIT
        assert utf16_len(part.fallback) <= TEXT_LIMIT
        assert {entity["type"] for entity in entities} <= {
            "bold", "italic", "strikethrough", "code", "pre", "text_link", "blockquote",
            "url", "email", "mention", "bot_command", "hashtag",
        }  # fmt: skip


@given(st.lists(st.tuples(MARKS, st.integers(1, 40)), min_size=1, max_size=6))
def test_parts_together_are_the_whole(pieces: list[tuple[str, int]]) -> None:
    source = "\n\n".join(text * times for text, times in pieces)
    whole = parse_markdown(source).text
    parts = render(OutboundMessage(text=source))
    if any(part.file for part in parts):
        assert parts[-1].content == source.encode()
        return
    shown = "".join(seen(part.body)[0] for part in parts)
    assert "".join(shown.split()) == "".join(whole.split())


@given(
    st.text(st.sampled_from('ab<&>" '), min_size=1, max_size=40),
    st.lists(
        st.tuples(st.integers(0, 39), st.integers(1, 40), st.sampled_from(Style), st.sampled_from(["", "v", '"<&>'])),
        max_size=12,
    ),
)
def test_any_spans_make_well_formed_html(text: str, made: list[tuple[int, int, Style, str]]) -> None:
    spans = tuple(
        Span(start, min(start + length, len(text)), style, value)
        for start, length, style, value in made
        if start < len(text)
    )
    assert seen(to_html(Rich(text, spans)))[0] == text.strip()
