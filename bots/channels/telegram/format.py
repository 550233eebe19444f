"""Messages as Telegram shows them: HTML of its few tags, cut into parts within its limits, with plain text beside.

Invariants: the HTML is always well formed and its visible text is the piece it was made from; a part's text and its
fallback are within the limit; an answer of too many parts goes out as its beginning and a file with the whole.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from bots.channels.base import OutboundFile, OutboundMessage, Part
from bots.channels.markdown import MAX_CHARS, parse_markdown
from bots.channels.rich import Rich, Span, Style, clean_text, utf16_len
from bots.channels.splitting import split

TEXT_LIMIT = 3900
CAPTION_LIMIT = 1024
MAX_PARTS = 5
# The server looks at this many bytes of a text before it parses it, so a part with many long links must be shorter.
MAX_HTML_BYTES = 30_000

_ORDER = {style: rank for rank, style in enumerate(Style)}
_TAGS = {Style.BOLD: "b", Style.ITALIC: "i", Style.STRIKE: "s", Style.CODE: "code", Style.QUOTE: "blockquote"}
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def render(message: OutboundMessage) -> list[Part]:
    """Return the parts of a message: files first, the text as caption of the last one when it fits, else after them.

    A message that replaces shown parts (edit_ids) has its text first, because a text cannot be edited into a file.
    """
    pieces = _pieces(message)
    files = [Part(body="", fallback="", file=file) for file in message.files]
    if message.edit_ids:
        parts = [*_text_parts(pieces, message), *files]
    elif files and len(pieces) == 1 and utf16_len(pieces[0].text) <= CAPTION_LIMIT:
        caption = _part(pieces[0], limit=CAPTION_LIMIT)
        parts = [*files[:-1], replace(files[-1], body=caption.body, fallback=caption.fallback)]
    else:
        parts = [*files, *_text_parts(pieces, message)]
    return _finish(parts, message)


def _pieces(message: OutboundMessage) -> list[Rich]:
    if message.plain:
        return _fit(Rich(clean_text(message.text)), TEXT_LIMIT)
    if len(message.text) <= MAX_CHARS:
        return _fit(parse_markdown(message.text), TEXT_LIMIT)
    # Only the first part will be shown, the rest is counted.
    rest = clean_text(message.text[2 * TEXT_LIMIT :])
    return [*_fit(parse_markdown(message.text[: 2 * TEXT_LIMIT]), TEXT_LIMIT), *_fit(Rich(rest), TEXT_LIMIT)]


def _text_parts(pieces: list[Rich], message: OutboundMessage) -> list[Part]:
    if len(pieces) <= MAX_PARTS:
        return [_part(piece, limit=TEXT_LIMIT) for piece in pieces]
    first = _part(pieces[0], limit=TEXT_LIMIT)
    first = replace(first, body=first.body + "\n\n…", fallback=first.fallback + "\n\n…")
    name, mime = ("answer.txt", "text/plain") if message.plain else ("answer.md", "text/markdown")
    whole = OutboundFile(path="", name=name, mime=mime)
    return [first, Part(body="", fallback="", file=whole, content=clean_text(message.text).encode())]


def _finish(parts: list[Part], message: OutboundMessage) -> list[Part]:
    """Give the reply to the first part, the buttons to the last one, and the ring to the first one only."""
    last = len(parts) - 1
    return [
        replace(
            part,
            buttons=message.buttons if index == last else (),
            reply_to_id=message.reply_to_id if index == 0 else "",
            notify=message.notify and index == 0,
        )
        for index, part in enumerate(parts)
    ]


def _fit(rich: Rich, limit: int) -> list[Rich]:
    """Cut the text so that each piece also keeps the limit on its HTML."""
    fitting = []
    for piece in split(rich, limit=limit):
        if limit > 64 and len(to_html(piece).encode()) > MAX_HTML_BYTES:
            fitting += _fit(piece, limit // 2)
        else:
            fitting.append(piece)
    return fitting


def _part(piece: Rich, *, limit: int) -> Part:
    fallback = to_plain(piece)
    return Part(body=to_html(piece), fallback=fallback if utf16_len(fallback) <= limit else piece.text)


def to_plain(rich: Rich) -> str:
    """Return the text with the address of each link behind its label, where the label does not say it already."""
    text = rich.text
    for span in sorted(rich.spans, key=lambda span: -span.end):
        if span.style is Style.LINK and span.value not in text[span.start : span.end]:
            text = f"{text[: span.end]} ({span.value}){text[span.end :]}"
    return text


def to_html(rich: Rich) -> str:
    """Return the text in Telegram's HTML."""
    out: list[str] = []
    stack: list[Span] = []
    starts = sorted(rich.spans, key=lambda span: span.start, reverse=True)
    active: list[Span] = []
    edges = sorted({0, len(rich.text), *(s.start for s in rich.spans), *(s.end for s in rich.spans)})
    for start, end in pairwise(edges):
        active = [span for span in active if span.end > start]
        while starts and starts[-1].start <= start:
            active.append(starts.pop())
        _switch(out, stack, _shown(active))
        out.append(rich.text[start:end].translate(_ESCAPES))
    _switch(out, stack, [])
    return "".join(out)


def _shown(active: list[Span]) -> list[Span]:
    """Return the styles of a stretch, outermost first: each at most once, and none within code but the quote."""
    by_style = {span.style: span for span in sorted(active, key=lambda span: _ORDER[span.style])}
    code = by_style.get(Style.PRE) or by_style.get(Style.CODE)
    if code is None:
        return list(by_style.values())
    return [by_style[Style.QUOTE], code] if Style.QUOTE in by_style else [code]


def _switch(out: list[str], stack: list[Span], wanted: list[Span]) -> None:
    """Close and open tags until exactly the wanted ones are open."""
    same = 0
    while same < min(len(stack), len(wanted)) and stack[same] == wanted[same]:
        same += 1
    while len(stack) > same:
        out.append(_end_tag(stack.pop()))
    for span in wanted[same:]:
        out.append(_start_tag(span))
        stack.append(span)


def _start_tag(span: Span) -> str:
    value = span.value.translate(_ESCAPES)
    if span.style is Style.LINK:
        return f'<a href="{value}">'
    if span.style is Style.PRE:
        return f'<pre><code class="language-{value}">' if value else "<pre>"
    return f"<{_TAGS[span.style]}>"


def _end_tag(span: Span) -> str:
    if span.style is Style.LINK:
        return "</a>"
    if span.style is Style.PRE:
        return "</code></pre>" if span.value else "</pre>"
    return f"</{_TAGS[span.style]}>"
