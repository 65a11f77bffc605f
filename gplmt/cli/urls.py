"""URLs as they may be shown and kept: with their host, without what may be a secret in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gplmt.recording.masking import MASK

_URL = re.compile(r"(https?)://([^\s'\"/?#]*)([^\s'\"]*)", re.IGNORECASE)


def shown_url(url: str) -> str:
    """A URL, or a text with some, without users, passwords, paths and queries."""
    return _URL.sub(_masked, url)


def recorded_words(words: Sequence[str]) -> tuple[str, ...]:
    """The words of a command line as the run directory may keep them.

    Whoever gets the directory of a run should not be able to post in the user's name.
    """
    return tuple(_recorded(words))


def _recorded(words: Sequence[str]) -> Iterator[str]:
    is_value = False
    for word in words:
        option, separator, _ = word.partition("=")
        tells_whom = is_value or option in ("--notify", "--notify-url")
        yield shown_url(word) if tells_whom else word
        is_value = tells_whom and not is_value and not separator


def _masked(url: re.Match[str]) -> str:
    scheme, place, rest = url.groups()
    _, separator, host = place.rpartition("@")
    has_more = separator or rest.strip("/")
    return f"{scheme}://{host}/{MASK}" if has_more else url[0]
