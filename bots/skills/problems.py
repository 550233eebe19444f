"""What is wrong with a skill, collected, so that its author reads everything at once, each with file and line."""

from __future__ import annotations

from dataclasses import dataclass, field

from clawsite.core.errors import BadInput

SHOWN = 10


@dataclass(kw_only=True, slots=True)
class Problems:
    """Errors, which stop an installation, and warnings, which are shown to whoever decides."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def error(self, text: str, *, file: str = "", line: int = 0) -> None:
        """Add an error."""
        self.errors.append(_place(file, line) + text)

    def warn(self, text: str, *, file: str = "", line: int = 0) -> None:
        """Add a warning."""
        self.warnings.append(_place(file, line) + text)

    def check(self) -> None:
        """Raise BadInput with the first ten errors, if there are any."""
        if not self.errors:
            return
        more = len(self.errors) - SHOWN
        lines = [*self.errors[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
        raise BadInput("This skill cannot be installed:\n" + "\n".join(f"- {line}" for line in lines))


def _place(file: str, line: int) -> str:
    if not file:
        return ""
    return f"{file}, line {line}: " if line else f"{file}: "


def shown(name: str, limit: int = 80) -> str:
    """Return a name from a package so that it can stand in a sentence: one line, nothing invisible, cut."""
    clean = "".join(char if char.isprintable() else "?" for char in name)
    return clean if len(clean) <= limit else f"{clean[:limit]}…"
