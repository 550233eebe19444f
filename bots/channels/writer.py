"""Builds formatted text front to back: pieces of text, styles that open and close, blank lines between blocks."""

from __future__ import annotations

from bots.channels.rich import Rich, Span, Style


class Writer:
    """`gap` is how many line ends the next block needs before it, `indent` what every new line begins with."""

    def __init__(self) -> None:
        self.gap = 0
        self.indent = ""
        self.length = 0
        self._parts: list[str] = []
        self._spans: list[Span] = []
        self._open: list[tuple[int, Style]] = []

    def begin(self) -> None:
        """Start a block: write the line ends that are due, unless nothing was written yet."""
        if self.length and self.gap:
            self._put("\n" * self.gap + self.indent)
        self.gap = 0

    def write(self, text: str) -> None:
        """Add text; its new lines are indented."""
        self._put(text.replace("\n", "\n" + self.indent) if self.indent else text)

    def styled(self, text: str, style: Style, value: str = "") -> None:
        """Add text as it is, in one style."""
        start = self.length
        self._put(text)
        self.span(start, style, value)

    def append(self, rich: Rich) -> None:
        """Add formatted text; its new lines are indented and its spans moved along."""
        if not self.indent or "\n" not in rich.text:
            offset = self.length
            self._put(rich.text)
            self._spans += [Span(s.start + offset, s.end + offset, s.style, s.value) for s in rich.spans]
            return
        start = 0
        for line in rich.text.split("\n"):
            if start:
                self._put("\n" + self.indent)
            offset, piece = self.length, rich.cut(start, start + len(line))
            self._put(line)
            self._spans += [Span(s.start + offset, s.end + offset, s.style, s.value) for s in piece.spans]
            start += len(line) + 1

    def open(self, style: Style) -> None:
        """Begin a style at this place."""
        self._open.append((self.length, style))

    def close(self, style: Style) -> None:
        """End the style opened last of this kind."""
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index][1] is style:
                self.span(self._open.pop(index)[0], style)
                return

    def span(self, start: int, style: Style, value: str = "") -> None:
        """Style everything written since `start`."""
        if start < self.length:
            self._spans.append(Span(start, self.length, style, value))

    def since(self, start: int) -> str:
        """Return the text written since `start`."""
        return "".join(self._parts)[start:]

    def rich(self) -> Rich:
        """Return what was written."""
        return Rich("".join(self._parts), tuple(sorted(self._spans, key=lambda span: (span.start, -span.end))))

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self.length += len(text)
