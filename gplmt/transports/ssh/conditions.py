"""`Host` and `Match`: for which hosts a block of the SSH configuration counts; ssh_config(5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Protocol

from msgspec import Struct

from gplmt.transports.ssh.surroundings import expand_tokens

_WITHOUT_ARGUMENT = frozenset(("all", "canonical", "final"))
_EXEC_TOKENS = dict.fromkeys("%CdhikLlnpru", "")
_SUBJECTS = frozenset(("host", "originalhost", "user", "localuser", "tagged"))


class Circumstances(Protocol):
    """What is known of a host while the configuration is read for it."""

    @property
    def name(self) -> str:
        """The host as `Host` patterns see it."""
        ...

    @property
    def is_final(self) -> bool:
        """Whether the configuration is read for the second time, as `Match final` asks."""
        ...

    def subject(self, criterion: str) -> str:
        """What the patterns of a criterion of `Match` are held against."""
        ...

    def succeeds(self, command: str) -> bool:
        """Whether a command, its `%` tokens replaced, exits with 0."""
        ...


class Condition(Protocol):
    """When a block counts."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """The only host names for which it can hold, None where these are not listed."""
        ...

    @property
    def wants_final(self) -> bool:
        """Whether the configuration must be read a second time."""
        ...

    def holds(self, circumstances: Circumstances) -> bool:
        """Whether the block counts."""
        ...


class Patterns:
    """Names with `*` and `?`, some of them negated: one must match and no negated one may.

    `names` are all that can match, None where that cannot be listed.
    """

    def __init__(self, words: Iterable[str], *, ignore_case: bool = False) -> None:
        self._words = tuple(words)
        self._flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
        is_literal = not any(character in word for word in self._words for character in "*?!")
        self.names = self._words if is_literal else None

    def match(self, text: str) -> bool:
        """Whether the text is meant."""
        return self._expression.fullmatch(text) is not None

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        wanted = [word for word in self._words if not word.startswith("!")]
        unwanted = [word[1:] for word in self._words if word.startswith("!")]
        refused = rf"(?!(?:{_any_of(unwanted)})\Z)" if unwanted else ""
        return re.compile(f"{refused}(?:{_any_of(wanted)})", self._flags)


class UnknownCriterionError(ValueError):
    """A criterion of `Match` that gplmt cannot judge; the block counts for no host."""


class Constant:
    """Holds for every host, as before the first `Host` or `Match`, or for none."""

    wants_final = False

    def __init__(self, *, holds: bool) -> None:
        self.names: tuple[str, ...] | None = None if holds else ()

    def holds(self, circumstances: Circumstances) -> bool:  # noqa: ARG002
        """Whether it is the one that holds."""
        return self.names is None


class HostCondition:
    """`Host PATTERN...`."""

    wants_final = False

    def __init__(self, words: Sequence[str]) -> None:
        self._patterns = Patterns(words)
        self.names = self._patterns.names

    def holds(self, circumstances: Circumstances) -> bool:
        """Whether the name that the user gave matches."""
        if self.names is not None:  # most are plain names, which need no expression
            return circumstances.name in self.names
        return self._patterns.match(circumstances.name)


class Criterion(Struct, frozen=True, kw_only=True):
    """One criterion of `Match`: its argument as a command, and as patterns."""

    name: str
    is_negated: bool
    argument: str
    patterns: Patterns


class MatchCondition:
    """`Match CRITERION...`, all of which must hold."""

    names: tuple[str, ...] | None = None

    def __init__(self, criteria: Sequence[Criterion]) -> None:
        self._criteria = tuple(criteria)
        self.wants_final = any(criterion.name == "final" for criterion in criteria)

    def holds(self, circumstances: Circumstances) -> bool:
        """Whether it does; no command is run after a criterion that does not hold."""
        return all(
            _holds(criterion, circumstances) != criterion.is_negated for criterion in self._criteria
        )


ALWAYS = Constant(holds=True)
NEVER = Constant(holds=False)


def parse_match(words: Sequence[str]) -> Condition:
    """The condition of a `Match` line.

    Raises:
        UnknownCriterionError: it has a criterion that gplmt cannot judge.
        ValueError: it is malformed.
    """
    criteria = list(_criteria(words))
    if any(criterion.name == "all" for criterion in criteria[:-1]) and len(criteria) > 1:
        raise ValueError("'all' cannot be combined with other criteria")
    return MatchCondition(criteria)


def _criteria(words: Sequence[str]) -> Iterator[Criterion]:
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, argument = word.removeprefix("!").partition("=")
        name = name.lower()
        if name != "exec" and name not in _SUBJECTS and name not in _WITHOUT_ARGUMENT:
            raise UnknownCriterionError(f"gplmt does not know Match {name}")
        if name not in _WITHOUT_ARGUMENT and not equals:
            if not rest:
                raise ValueError(f"{name!r} has no argument")
            argument = rest.pop(0)
        if name == "exec":
            expand_tokens(argument, _EXEC_TOKENS)  # fails for a token that is none
        yield Criterion(
            name=name,
            is_negated=word.startswith("!"),
            argument=argument,
            patterns=Patterns(argument.split(","), ignore_case=name in ("host", "originalhost")),
        )


def _holds(criterion: Criterion, circumstances: Circumstances) -> bool:
    match criterion.name:
        case "all":
            return True
        case "canonical" | "final":
            return circumstances.is_final
        case "exec":
            return circumstances.succeeds(criterion.argument)
    return criterion.patterns.match(circumstances.subject(criterion.name))


def _any_of(patterns: Sequence[str]) -> str:
    wild = {"*": ".*", "?": "."}
    alternatives = [
        "".join(wild.get(character) or re.escape(character) for character in pattern)
        for pattern in patterns
    ]
    return "|".join(alternatives) if patterns else "(?!)"
