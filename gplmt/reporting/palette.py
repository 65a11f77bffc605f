"""How words of ours look on a terminal: colours of its own theme, where it has any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.color import ColorSystem
from rich.style import Style

from gplmt.recording.footer import FooterLine

# The sixteen colours of the terminal's theme can be read on dark and light ones.
_STYLES = {
    "title": Style(bold=True),
    "faint": Style(dim=True),
    "waiting": Style(dim=True),
    "running": Style(color="cyan"),
    "ok": Style(color="green"),
    "failed": Style(color="red", bold=True),
    "lost": Style(color="magenta", bold=True),
    "stopped": Style(color="yellow"),
    "skipped": Style(dim=True),
    "signal": Style(color="yellow", bold=True),
}
_ELLIPSIS = "…"

Piece = tuple[str, str]  # a text without control characters, and its style; "" for none
Row = Iterable[Piece]


class Palette:
    """What a terminal can show; `has_colour` False leaves bold and faint."""

    def __init__(self, *, has_colour: bool, has_unicode: bool) -> None:
        self._has_colour = has_colour
        self._full, self._rest = ("━", "─") if has_unicode else ("=", "-")
        self._ellipsis = _ELLIPSIS if has_unicode else "~"
        self._has_unicode = has_unicode

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Palette:
        """What the environment says: NO_COLOR if it is not empty, and the character set."""
        locale = next(
            (value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := environment.get(name))),
            "",
        )
        return cls(
            has_colour=not environment.get("NO_COLOR"),
            has_unicode="utf8" in locale.lower().replace("-", ""),
        )

    def bar(self, done: float, width: int) -> Row:
        """A bar of so many columns, a part of it done."""
        full = round(min(1.0, max(0.0, done)) * width)
        return [(self._full * full, "running"), (self._rest * (width - full), "faint")]

    def line(self, row: Row, columns: int) -> FooterLine:
        """A row as a line that is not wider than so many columns."""
        texts, room = [], columns
        for text, style in row:
            if not self._has_unicode:
                text = text.encode("ascii", "replace").decode()
            width = cell_len(text)
            if width > room:
                text = set_cell_size(text, max(0, room - 1)) + (self._ellipsis if room else "")
                width = room
            texts.append(self._painted(text, style))
            room -= width
            if not room:
                break
        return FooterLine("".join(texts), columns - room)

    def _painted(self, text: str, style: str) -> str:
        begin, end = _sequences(style, self._has_colour) if style else ("", "")
        return f"{begin}{text}{end}"


@lru_cache
def _sequences(style: str, has_colour: bool) -> tuple[str, str]:
    """What switches a style on and off."""
    chosen = _STYLES[style] if has_colour else _STYLES[style].without_color
    begin, _, end = chosen.render("\0", color_system=ColorSystem.STANDARD).partition("\0")
    return begin, end
