"""The names that a record tells of, for who types one: as far as it can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct


class _Mention(Struct, frozen=True, kw_only=True):
    """Where something happened, as an event of any kind tells it."""

    target: str = ""
    tasklist: str = ""
    task: str = ""

    def names(self) -> dict[str, str]:
        """What is told of here, by the names that `gplmt show` takes for it."""
        names = {self.target: "target", self.tasklist: "tasklist", self.task: "task"}
        if self.tasklist and self.task:
            names[f"{self.tasklist}.{self.task}"] = f"task of {self.tasklist}"
        names.pop("", None)
        return names


def mentioned_names(record: Path, *, begun: str, among: Sequence[str]) -> dict[str, str]:
    """What is called by each other name that begins so, where all of the names `among` occur.

    A task is called by its name alone, and with its tasklist's in front where that has been begun.

    Raises:
        OSError: there is no such file.
    """
    found: dict[str, str] = {}
    for mention in _mentions(record):
        names = mention.names()
        if names.keys() >= set(among):
            for name, kind in names.items():
                is_short = name in (mention.target, mention.tasklist, mention.task)
                if is_short or begun.startswith(f"{mention.tasklist}."):
                    found.setdefault(name, kind)
    wanted = [name for name in found if name.startswith(begun) and name not in among]
    return {name: found[name] for name in wanted}


def _mentions(record: Path) -> Iterator[_Mention]:
    """Each place once; lines that are no events are passed over."""
    decoder = msgspec.json.Decoder(_Mention)
    seen: set[_Mention] = set()
    with record.open("rb") as file:
        for line in file:
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                mention = decoder.decode(line)
                if mention.target and mention not in seen:
                    seen.add(mention)
                    yield mention
