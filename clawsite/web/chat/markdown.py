"""Markdown, as a model writes it, to HTML for our own page.

Invariant: no markup of the source survives. Everything is escaped; links are pressable only with http, https or mailto;
pictures become links, so that reading an answer calls nobody; no inline styles, which the page's policy forbids.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

SCHEMES = frozenset({"http", "https", "mailto"})
# The parser's time grows with the square of these; longer answers are shown as they are.
MAX_CHARS = 40_000
MAX_BRACKETS = 1_500
MAX_NESTING = 60
_URL = re.compile(r"https?://[^\s<>\"'`]+[^\s<>\"'`.,;:!?)\]}*_]")
_ALIGNED = re.compile(r"text-align:(left|right|center)")


def render_markdown(text: str) -> str:
    """Return safe HTML for a model's Markdown."""
    text = text.replace("\x00", "")
    if len(text) > MAX_CHARS or text.count("[") > MAX_BRACKETS:
        return render_plain(text)
    tokens = _parser().parse(text)
    if max((token.level for token in tokens), default=0) >= MAX_NESTING - 4:
        return render_plain(text)
    parser = _parser()
    return str(parser.renderer.render(tokens, parser.options, {}))


def render_plain(text: str) -> str:
    """Return safe HTML that shows a text as it is, with its addresses pressable."""
    return f'<div class="plain">{_with_links(text)}</div>'


def is_safe_link(url: str) -> bool:
    """Tell whether an address may be made pressable."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return False
    if parts.scheme.lower() not in SCHEMES:
        return False
    return bool(parts.path) if parts.scheme.lower() == "mailto" else bool(parts.netloc)


def _link(url: str) -> str:
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer nofollow">'


def _with_links(text: str) -> str:
    out, at = [], 0
    for found in _URL.finditer(text):
        url = found.group()
        if is_safe_link(url):
            out += [escape(text[at : found.start()]), _link(url), escape(url), "</a>"]
            at = found.end()
    return "".join([*out, escape(text[at:])])


class _PageRenderer(RendererHTML):
    """The library's renderer with our links, pictures, line breaks and table cells."""

    def text(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Plain words; bare addresses become links, except inside of one."""
        content = tokens[idx].content
        return escape(content) if env.get("links") else _with_links(content)

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A link whose scheme the parser has let pass."""
        env["links"] = int(env.get("links", 0)) + 1
        return _link(str(tokens[idx].attrGet("href") or ""))

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The end of it."""
        env["links"] = int(env.get("links", 1)) - 1
        return "</a>"

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A picture as a link to it."""
        url = str(tokens[idx].attrGet("src") or "")
        label = escape(tokens[idx].content or url)
        return label if env.get("links") or not is_safe_link(url) else f"{_link(url)}{label}</a>"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A cell, aligned by a class."""
        aligned = _ALIGNED.search(str(tokens[idx].attrGet("style") or ""))
        return f'<{tokens[idx].tag} class="{aligned.group(1)}">' if aligned else f"<{tokens[idx].tag}>"

    td_open = th_open

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A table in a box of its own, which scrolls when it is wider than the page."""
        return '<div class="table"><table>'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The end of it."""
        return "</table></div>"


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    options = {"html": False, "breaks": True, "maxNesting": MAX_NESTING}
    parser = MarkdownIt("commonmark", options, renderer_cls=_PageRenderer).enable(["table", "strikethrough"])
    # A definition such as `[1]: address` would vanish from the text.
    parser.disable("reference")
    parser.validateLink = is_safe_link  # type: ignore[method-assign]
    return parser
