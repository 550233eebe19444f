"""Texts and their entities: parse_mode HTML as the real server parses it, and what it finds by itself.

Invariant: offsets and lengths are UTF-16 code units; entities are sorted, lie inside the text and hold no
surrounding white space that the server would trim.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.servers.telegram.errors import ApiError, bad_request

Entity = dict[str, Any]
MAX_ENTITIES = 100
TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "u": "underline",
    "ins": "underline",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "pre": "pre",
    "code": "code",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|(lt|gt|amp|quot));?")
_SPACE = " \t\r\n\v\f"
_AUTO = re.compile(
    r"(?P<url>https?://[^\s<>\"]+[^\s<>\".,;:!?)\]])"
    r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?<![\w/@])(?P<mention>@[A-Za-z]\w{3,31})(?!\w)"
    r"|(?<![\w/<>])(?P<bot_command>/[A-Za-z0-9_]{1,64}(?:@[A-Za-z]\w{3,31})?)(?![\w/<>])"
    r"|(?<!\w)(?P<hashtag>\#\w*[^\W\d]\w*)"
)


def utf16_length(text: str) -> int:
    return len(text) + sum(1 for char in text if ord(char) > 0xFFFF)


def parse_text(text: str, *, parse_mode: str | None, entities: list[Entity] | None) -> tuple[str, list[Entity]]:
    """The plain text and all its entities, trimmed as the server does.

    Raises ApiError when it can't be parsed.
    """
    if entities is None and parse_mode:
        if parse_mode.lower() != "html":
            raise bad_request("unsupported parse_mode")
        text, entities = HtmlParser(text).parse()
    trimmed, kept = _trim(text.replace("\r", ""), list(entities or []))
    kept += _found(trimmed, kept)
    return trimmed, sorted(kept, key=lambda entity: (entity["offset"], -entity["length"]))[:MAX_ENTITIES]


def _trim(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    stripped = text.strip()
    lead = utf16_length(text[: len(text) - len(text.lstrip())])
    end = utf16_length(stripped)
    kept = []
    for entity in entities:
        start = max(0, entity["offset"] - lead)
        stop = min(end, entity["offset"] - lead + entity["length"])
        if stop > start:
            kept.append(entity | {"offset": start, "length": stop - start})
    return stripped, kept


def _found(text: str, known: list[Entity]) -> list[Entity]:
    """Mentions, commands, links, addresses and hashtags outside of code, links and each other."""
    closed = [e for e in known if e["type"] in ("code", "pre", "text_link", "text_mention", "mention", "url")]
    found = []
    for match in _AUTO.finditer(text):
        offset, length = utf16_length(text[: match.start()]), utf16_length(match.group())
        if not any(e["offset"] < offset + length and offset < e["offset"] + e["length"] for e in closed):
            found.append({"type": match.lastgroup, "offset": offset, "length": length})
    return found


@dataclass(slots=True)
class _Open:
    tag: str
    argument: str
    offset: int
    begin: int
    extra: dict[str, str] = field(default_factory=dict)


class HtmlParser:
    """The server's forgiving-of-nothing HTML: a closed list of tags, each to be closed in order."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.out: list[str] = []
        self.offset = 0
        self.open: list[_Open] = []
        self.entities: list[Entity] = []

    def parse(self) -> tuple[str, list[Entity]]:
        while self.at < len(self.source):
            char = self.source[self.at]
            if char == "&":
                self._put(self._reference())
            elif char != "<":
                self._put(char)
                self.at += 1
            elif self.source[self.at + 1 : self.at + 2] == "/":
                self._end_tag()
            else:
                self._start_tag()
        if self.open:
            raise _broken(f'Can\'t find end tag corresponding to start tag "{self.open[-1].tag}"')
        return "".join(self.out), self.entities

    def _put(self, text: str) -> None:
        self.out.append(text)
        self.offset += utf16_length(text)

    def _byte(self, index: int) -> int:
        return len(self.source[:index].encode("utf-8", "surrogatepass"))

    def _reference(self) -> str:
        """Decode the reference at the cursor, or take the ampersand as it is."""
        match = _REFERENCE.match(self.source, self.at)
        if match is None:
            self.at += 1
            return "&"
        number = int(match[1], 16) if match[1] else int(match[2] or 0)
        if not match[3] and not 0 < number < 0x10FFFF:
            self.at += 1
            return "&"
        self.at = match.end()
        return NAMED[match[3]] if match[3] else chr(number)

    def _skip(self, *, until: str) -> str:
        start = self.at
        while self.at < len(self.source) and self.source[self.at] not in until:
            self.at += 1
        return self.source[start : self.at]

    def _skip_space(self) -> None:
        while self.at < len(self.source) and self.source[self.at] in _SPACE:
            self.at += 1

    def _start_tag(self) -> None:
        begin = self.at
        self.at += 1
        tag = self._skip(until=_SPACE + ">").lower()
        self._expect_more(f"Unclosed start tag at byte offset {self._byte(begin)}")
        if tag not in TAGS:
            raise _broken(f'Unsupported start tag "{tag}" at byte offset {self._byte(begin)}')
        attributes = self._attributes(tag, begin)
        self.at += 1
        argument = _argument(tag, attributes)
        if tag == "span" and argument != "tg-spoiler":
            raise _broken(f'Tag "span" must have class "tg-spoiler" at byte offset {self._byte(begin)}')
        self.open.append(_Open(tag, argument, self.offset, len(self.out)))

    def _attributes(self, tag: str, begin: int) -> dict[str, str]:
        """Read attributes up to the `>`, where the cursor stays."""
        unclosed = f'Unclosed start tag "{tag}" at byte offset {self._byte(begin)}'
        attributes: dict[str, str] = {}
        while True:
            self._skip_space()
            self._expect_more(unclosed)
            if self.source[self.at] == ">":
                return attributes
            name = self._skip(until=_SPACE + "=>").lower()
            if not name:
                raise _broken(f'Empty attribute name in the tag "{tag}" at byte offset {self._byte(begin)}')
            self._skip_space()
            self._expect_more(unclosed)
            if self.source[self.at] != "=":
                attributes[name] = name
                continue
            self.at += 1
            self._skip_space()
            self._expect_more(unclosed)
            attributes[name] = self._value()
            self._expect_more(unclosed)

    def _value(self) -> str:
        quote, start = self.source[self.at], self.at
        if quote not in "\"'":
            token = re.compile(r"[A-Za-z0-9.-]*").match(self.source, self.at)
            self.at = token.end() if token else self.at
            if self.source[self.at : self.at + 1] not in (*_SPACE, ">", ""):
                raise _broken(f"Unexpected end of name token at byte offset {self._byte(start)}")
            return self.source[start : self.at].lower()
        self.at += 1
        value = []
        while self.at < len(self.source) and self.source[self.at] != quote:
            if self.source[self.at] == "&":
                value.append(self._reference())
            else:
                value.append(self.source[self.at])
                self.at += 1
        self.at += 1
        return "".join(value)

    def _end_tag(self) -> None:
        begin = self.at
        if not self.open:
            raise _broken(f"Unexpected end tag at byte offset {self._byte(begin)}")
        self.at += 2
        name = self._skip(until=_SPACE + ">").lower()
        self._skip_space()
        if self.source[self.at : self.at + 1] != ">":
            raise _broken(f"Unclosed end tag at byte offset {self._byte(begin)}")
        self.at += 1
        opened = self.open.pop()
        if name and name != opened.tag:
            raise _broken(
                f'Unmatched end tag at byte offset {self._byte(begin)}, expected "</{opened.tag}>", found "</{name}>"'
            )
        self._close(opened)

    def _close(self, opened: _Open) -> None:
        length = self.offset - opened.offset
        if length == 0:
            return
        text = "".join(self.out[opened.begin :])
        entity = _entity(opened, text, nested=any(outer.tag in ("pre", "code") for outer in self.open))
        if entity is None:
            return
        inside = (opened.offset, length)
        if entity["type"] == "pre" and self.entities and _code_of(self.entities[-1]) == inside:
            language = self.entities.pop().get("language", "")
            entity |= {"language": language} if language else {}
        self.entities.append(entity | {"offset": opened.offset, "length": length})

    def _expect_more(self, problem: str) -> None:
        if self.at >= len(self.source):
            raise _broken(problem)


def _broken(problem: str) -> ApiError:
    return bad_request(f"can't parse entities: {problem}")


def _argument(tag: str, attributes: dict[str, str]) -> str:
    if tag == "a":
        return attributes.get("href", "")
    if tag == "code":
        value = attributes.get("class", "")
        return value.removeprefix("language-") if value.startswith("language-") else ""
    if tag == "blockquote":
        return "expandable" if "expandable" in attributes else ""
    return attributes.get("emoji-id" if tag == "tg-emoji" else "class", "")


def _code_of(entity: Entity) -> tuple[int, int] | None:
    return (entity["offset"], entity["length"]) if entity["type"] == "code" else None


def _entity(opened: _Open, text: str, *, nested: bool) -> Entity | None:
    """The entity of a closed tag, without its place; None for a link that leads nowhere."""
    kind = TAGS[opened.tag]
    if kind == "text_link":
        return _link(opened.argument or text)
    if kind == "custom_emoji":
        return {"type": kind, "custom_emoji_id": opened.argument}
    if kind == "code" and nested:
        return {"type": "code", "language": opened.argument}
    if nested:
        return None
    if kind == "blockquote" and opened.argument:
        return {"type": "expandable_blockquote"}
    return {"type": kind}


def _link(target: str) -> Entity | None:
    mention = re.fullmatch(r"tg://user\?id=(\d+)", target)
    if mention:
        user = {"id": int(mention[1]), "is_bot": False, "first_name": mention[1]}
        return {"type": "text_mention", "user": user}
    if re.match(r"(?:https?|tg|ton|tonsite|ftp)://[^\s/?#]+|mailto:\S+@", target, re.IGNORECASE):
        return {"type": "text_link", "url": target}
    if re.fullmatch(r"[\w-]+(?:\.[\w-]+)+(?:[/?#]\S*)?", target):
        return {"type": "text_link", "url": f"http://{target}/" if "/" not in target else f"http://{target}"}
    return None
