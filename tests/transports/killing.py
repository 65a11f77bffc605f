"""Copies that are killed at some moment, and what they leave."""

from __future__ import annotations

import os
import re
import secrets
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gplmt.transports.unfinished import unfinished_script
from tests.transports.copier import Order, Remote, Told
from tests.transports.trees import Shape, grow, look

ROOT = Path(__file__).parents[2]
_LONGEST_SECONDS = 30.0

Remove = Callable[[Sequence[str]], Awaitable[tuple[str, ...]]]


class Killed(msgspec.Struct, kw_only=True):
    """A copy that has ended, killed or not, after some time; what its journal was told."""

    was_killed: bool
    seconds: float
    stem: str
    roots: list[str]
    paths: list[str]


class Copier:
    """Makes copies, one after another, each in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], place: Path) -> None:
        self._process = process
        self._place = place
        self._output = b""

    def copy(
        self,
        verb: str,
        sources: Sequence[Path],
        destination: str,
        *,
        remote: Remote | None = None,
        kill_after: float | None = None,
    ) -> Killed:
        """Copy; SIGKILL so many seconds after the beginning, if it has not ended by then."""
        stem = secrets.token_hex(4)
        order = Order(
            verb=verb,
            sources=[str(source) for source in sources],
            destination=destination,
            stem=stem,
            journal=str(self._place / f"journal-{stem}"),
            remote=remote,
        )
        self._write(msgspec.json.encode(order))
        pid = self._number("begun")
        begun = time.monotonic()
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(pid, signal.SIGKILL)
        self._write(b"reap")
        status = self._number("status")
        assert status in (0, -signal.SIGKILL)
        told = _read(Path(order.journal))
        return Killed(
            was_killed=status != 0,
            seconds=time.monotonic() - begun,
            stem=stem,
            roots=[root for each in told for root in each.roots],
            paths=[path for each in told for path in each.paths],
        )

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def _number(self, word: str) -> int:
        """What the next line tells after a word."""
        assert self._process.stdout is not None
        while b"\n" not in self._output:
            assert select.select([self._process.stdout], [], [], _LONGEST_SECONDS)[0]
            data = os.read(self._process.stdout.fileno(), 1 << 12)
            assert data, "the copier has ended"
            self._output += data
        line, _, self._output = self._output.partition(b"\n")
        found, _, number = line.decode().partition(" ")
        assert found == word, line
        return int(number)


@contextmanager
def copier_in(place: Path) -> Iterator[Copier]:
    """A copier whose journals are in `place`; it is gone when this is left."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.transports.copier"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        yield Copier(process, place)


def _read(journal: Path) -> list[Told]:
    """A line that is cut was told to nobody who went on."""
    if not journal.exists():
        return []
    lines = journal.read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=Told) for line in lines]


class Scene:
    """Trees to copy, and places to copy them to: one that is new, and one to merge with.

    In the latter, links lead elsewhere.
    """

    def __init__(self, place: Path, shape: Shape) -> None:
        self.source = grow(place / "source", {f"t/{name}": each for name, each in shape.items()})
        grow(self.source, {"single": os.urandom(3000), "t/far/f": b"far", "t/link": b"linked"})
        self.area = place / "area"
        self._whole = {each[1] for each in look(self.source).values()}
        self._old = [f"old/t/{name}" for name, each in list(shape.items())[::9] if each]

    def places(self) -> tuple[str, str]:
        """Where to copy to."""
        return f"{self.area}/new/x/", f"{self.area}/old/"

    def sources(self) -> list[Path]:
        """What to copy."""
        return [self.source / "t", self.source / "single"]

    def set(self) -> None:
        """Make everything as it was before the first copy."""
        if self.area.exists():
            shutil.rmtree(self.area)
        grow(self.area, {"elsewhere/keep": b"keep", "elsewhere/real": b"old"})
        grow(self.area, {"old/t/far": "../../elsewhere", "old/t/link": "../../elsewhere/real"})
        grow(self.area, dict.fromkeys(self._old, b"old"))
        self._before = look(self.area)

    def check_complete(self, killed: Killed, *, at: str) -> None:
        """See that a copy that was not killed has made everything."""
        assert not killed.was_killed
        found = look(Path(at))
        assert {name for name in look(self.source) if not name.startswith("t/far/")} <= found.keys()
        assert self._unfinished(killed) == []

    async def check_left(self, killed: Killed, remove: Remove) -> None:
        """See that what was left is known, and can be removed."""
        self._check_found(killed)
        ended = subprocess.run(  # noqa: ASYNC221, S603
            ["/bin/sh", "-c", unfinished_script(killed.roots, killed.stem)],
            capture_output=True,
            check=True,
        )
        assert ended.stderr == b""
        assert self._unfinished(killed) == []
        assert await remove(killed.paths) == ()
        found = look(self.area)
        was = self._before
        assert found.keys() == was.keys()
        assert all(
            found[name] == old or self._is_whole(found[name]) for name, old in self._before.items()
        )

    def _check_found(self, killed: Killed) -> None:
        told = {real(Path(path)) for path in killed.paths}
        roots = [real(Path(root)) for root in killed.roots]
        for path in self._unfinished(killed):
            assert any(path.parent == root.parent or root in path.parents for root in roots), path
        found = look(self.area)
        assert found.keys() >= self._before.keys()
        for name in found:
            path = self.area / name
            if unfinished_in(path, killed.stem) is None:
                assert name in self._before or path in told
                assert self._before.get(name) == found[name] or self._is_whole(found[name])

    def _is_whole(self, found: tuple[int, bytes | str | None]) -> bool:
        return found[1] in self._whole

    def _unfinished(self, killed: Killed) -> list[Path]:
        found = (unfinished_in(self.area / name, killed.stem) for name in look(self.area))
        return [path for path in found if path is not None]


def real(path: Path) -> Path:
    """A path without links on the way; it may be one itself."""
    return path.parent.resolve() / path.name


def unfinished_in(path: Path, stem: str) -> Path | None:
    """The unfinished file or tree that a path is, or is in."""
    for each in (*reversed(path.parents), path):
        if re.fullmatch(rf"\.gplmt-{stem}[0-9a-f]{{8}}\.tmp", each.name):
            return each
    return None
