"""Variables in paths: `$VAR`, `${VAR}`, and `$$` for a dollar sign (LANGUAGE.md 3.3, 5.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_DOLLAR = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}|)"
)


def variables_in(text: str) -> tuple[str, ...]:
    """The variables that a path names, each once.

    Raises:
        ValueError: a dollar sign is followed by neither a name nor a dollar sign.
    """
    if "$" not in text:
        return ()
    return tuple(dict.fromkeys(filter(None, map(_variable, _DOLLAR.finditer(text)))))


def expand(text: str, environment: Mapping[str, str]) -> str:
    """The path with the values of its variables.

    Raises:
        KeyError: a variable has no value.
        ValueError: as for `variables_in`.
    """
    if "$" not in text:
        return text
    return _DOLLAR.sub(lambda match: _value(match, environment), text)


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    name = _variable(match)
    return "$" if name is None else environment[name]


def _variable(match: re.Match[str]) -> str | None:
    """The variable of a match; None for an escaped dollar sign."""
    name: str | None = match["plain"] or match["braced"]
    if name is None and match["escaped"] is None:
        hint = "write $NAME, ${NAME}, or $$ for a dollar sign"
        raise ValueError(f"'$' names no variable in {match.string!r}; {hint}")
    return name
