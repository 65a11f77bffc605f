"""How help is laid out on a terminal, wide or narrow."""

from __future__ import annotations

import argparse
import os
import re
from functools import cache

_LEAST_WIDTH = 40
_USUAL_WIDTH = 98
_EXAMPLE = re.compile(r"  (?P<words>\S.*?)(?: {2,}(?P<meaning>\S.*))?")


class HelpLayout(argparse.HelpFormatter):
    """Fills paragraphs, and gives the meaning of a long example a line of its own.

    Is told the width, as argparse makes one for every option and asks shutil each time. shutil
    brings all its archive formats along, which costs more than parsing the arguments.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_width())

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(
            _examples(part, width)
            if "\n  " in part
            else super(HelpLayout, self)._fill_text(part, width, indent)
            for part in text.split("\n\n")
        )


def _examples(part: str, width: int) -> str:
    """A heading and examples, one on a line."""
    return "\n".join(line if len(line) <= width else _in_two(line) for line in part.splitlines())


def _in_two(line: str) -> str:
    example = _EXAMPLE.fullmatch(line)
    if example is None or example["meaning"] is None:
        return line
    return f"  {example['words']}\n      {example['meaning']}"


@cache
def _width() -> int:
    try:
        return max(os.get_terminal_size().columns - 2, _LEAST_WIDTH)
    except OSError:  # stdout is no terminal, or closed
        return _USUAL_WIDTH
