"""How attribute values are read: the parsers of the language, remembered where values recur."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache, partial

from gplmt.language import logins, values
from gplmt.language.paths import variables_in
from gplmt.language.steps import MinSuccess
from gplmt.language.values import XML_SPACE, HostKeyChecking, OnError

_MAX_REMEMBERED = 4096
_SPACES = re.compile(f"[{XML_SPACE}]+")
_MIN_SUCCESS = re.compile(r"(?P<amount>\d{1,18}|\d{1,3}(?:\.\d+)?(?=%))(?P<percent>%)?", re.ASCII)


@lru_cache(_MAX_REMEMBERED)
def reference(text: str) -> str:
    """The one name that `tasklist`, `cleanup` or `ref` takes."""
    name = text.strip(XML_SPACE)
    if values.NAME.fullmatch(name):  # of any length, as prefixes add to it
        return name
    if not name:
        raise ValueError("a name is missing")
    problem = "not a name" if len(_words(name)) == 1 else "more than one name"
    raise ValueError(f"{name!r} is {problem}")


@lru_cache(_MAX_REMEMBERED)
def references(text: str) -> tuple[str, ...]:
    """The names and patterns of `targets`."""
    words = _words(text)
    if not words:
        raise ValueError("the names of targets are missing")
    return words


@lru_cache(_MAX_REMEMBERED)
def word(text: str) -> str:
    """A host, user or the like: without white space."""
    words = _words(text)
    if len(words) == 1:
        return words[0]
    if not words:
        raise ValueError("a value is missing")
    raise ValueError(f"{text.strip(XML_SPACE)!r} has white space in it")


def host(text: str) -> str:
    """A host's name or address."""
    return logins.check_host(word(text))


def user(text: str) -> str:
    """Whom to log in as."""
    return logins.check_user(word(text))


def jumps(text: str) -> str:
    """The jump hosts to go through."""
    return logins.check_jumps(word(text))


@lru_cache(_MAX_REMEMBERED)
def plain_path(text: str) -> str:
    """A path without variables."""
    path = text.strip(XML_SPACE)
    if not path:
        raise ValueError("a path is missing")
    return path


@lru_cache(_MAX_REMEMBERED)
def path(text: str) -> str:
    """A path in which variables may stand."""
    variables_in(text)
    return plain_path(text)


def prefix(text: str) -> str:
    """An include's prefix; nothing for none."""
    return values.parse_name(text) if text.strip(XML_SPACE) else ""


@lru_cache(_MAX_REMEMBERED)
def on_error(text: str) -> OnError:
    """A tasklist's on-error."""
    try:
        return OnError(text.strip(XML_SPACE))
    except ValueError:
        raise ValueError(_none_of(text, [policy.value for policy in OnError])) from None


@lru_cache(_MAX_REMEMBERED)
def host_key_checking(text: str) -> HostKeyChecking:
    """What to do with unknown host keys."""
    try:
        return HostKeyChecking(text.strip(XML_SPACE))
    except ValueError:
        raise ValueError(_none_of(text, [mode.value for mode in HostKeyChecking])) from None


@lru_cache(_MAX_REMEMBERED)
def call_status(text: str) -> bool:
    """Whether a call must succeed (0) or fail (1)."""
    status = text.strip(XML_SPACE)
    if status in ("0", "1"):
        return status == "0"
    raise ValueError(f"{status!r} is neither '0' (it must succeed) nor '1' (it must fail)")


@lru_cache(_MAX_REMEMBERED)
def min_success(text: str) -> MinSuccess:
    """A count of targets, or a percentage of them."""
    word = text.strip(XML_SPACE)
    match = _MIN_SUCCESS.fullmatch(word)
    if match is not None and match["percent"] is None:
        return MinSuccess(amount=int(match["amount"]))
    if match is None or float(match["amount"]) > 100:
        raise ValueError(f"{word!r} is neither a count nor a percentage like '80%'")
    return MinSuccess(amount=float(match["amount"]), is_percentage=True)


@lru_cache(_MAX_REMEMBERED)
def variable_name(text: str) -> str:
    """The name of any variable of the execution host."""
    name = text.strip(XML_SPACE)
    if not values.VARIABLE.fullmatch(name):
        raise ValueError(f"{name!r} is not a variable name; write letters, digits and _")
    return name


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, _SPACES.split(text)))


def _none_of(text: str, choices: Sequence[str]) -> str:
    *most, last = choices
    return f"{text.strip(XML_SPACE)!r} is not known; write {', '.join(most)} or {last}"


name = values.parse_name
variable = lru_cache(_MAX_REMEMBERED)(values.parse_variable)
boolean = lru_cache(_MAX_REMEMBERED)(values.parse_boolean)
duration = lru_cache(_MAX_REMEMBERED)(values.parse_duration)
positive_duration = lru_cache(_MAX_REMEMBERED)(values.parse_positive_duration)
statuses = lru_cache(_MAX_REMEMBERED)(values.parse_statuses)
stop_signal = lru_cache(_MAX_REMEMBERED)(values.parse_stop_signal)
moment = values.parse_datetime
elements = values.parse_list
port = values.parse_port
count = partial(values.parse_integer, least=0)
positive_count = partial(values.parse_integer, least=1)
