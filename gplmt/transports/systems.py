"""What a host runs, in a line for people."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

OS_RELEASE_FILES = ("/etc/os-release", "/usr/lib/os-release")  # the first one counts


def describe_system(kernel: str, os_release: Iterable[str]) -> str | None:
    """The distribution and the kernel, as far as they are known.

    `kernel` is what `uname -srm` says, `os_release` are the lines of os-release(5).
    """
    known = [text for text in (_distribution(os_release), kernel.strip()) if text]
    return ", ".join(known) or None


def describe_this_system() -> str | None:
    """What the execution host runs."""
    this = os.uname()
    kernel = f"{this.sysname} {this.release} {this.machine}"
    for file in OS_RELEASE_FILES:
        with suppress(OSError):
            return describe_system(kernel, Path(file).read_text(errors="replace").splitlines())
    return describe_system(kernel, ())


def _distribution(os_release: Iterable[str]) -> str | None:
    for line in os_release:
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            with suppress(ValueError):  # a quotation mark is missing
                return " ".join(shlex.split(value))
    return None
