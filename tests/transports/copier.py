"""A gplmt that is there to be killed while it copies: forks one for each copy that it is told.

usage: python -m tests.transports.copier   (stdin has an `Order` in JSON, then `reap`, and so on)

What a copy tells its journal is in the file `journal` before the copy goes on, one `Told` in JSON
on each line.  stdout says `begun PID` and `status NUMBER`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gplmt.arrivals import Arrivals
from gplmt.transports import copying
from gplmt.transports.ssh import copying as copying_over_ssh
from tests.support.ssh.servers import Server
from tests.transports.ssh.plain_files import Way, files_of


class Remote(msgspec.Struct):
    """The node that is copied to or from."""

    host: str
    port: int
    user: str
    identity_file: str
    known_hosts: str
    home: str
    way: Way


class Order(msgspec.Struct):
    """A copy, on this host if there is no node."""

    verb: str
    sources: list[str]
    destination: str
    stem: str
    journal: str
    remote: Remote | None = None


class Told(msgspec.Struct):
    """What a journal was told at once."""

    roots: list[str] = []
    paths: list[str] = []


class WrittenJournal:
    """A journal that outlasts whoever tells it."""

    def __init__(self, path: str, stem: str) -> None:
        self.stem = stem
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def writing(self, roots: Sequence[str]) -> None:
        self._write(Told(roots=list(roots)))

    def creating(self, paths: Sequence[str]) -> None:
        self._write(Told(paths=list(paths)))

    def _write(self, told: Told) -> None:
        os.write(self._file, msgspec.json.encode(told) + b"\n")


class _NoControl:
    """A server that is not ours."""

    def kill_sessions(self) -> None:
        pass

    def end_commands(self) -> None:
        pass

    def is_alive(self) -> bool:
        return True

    def log(self) -> str:
        return ""


async def _copy(order: Order) -> None:
    journal = WrittenJournal(order.journal, order.stem)
    if order.remote is None:
        await _copy_here(order, journal)
    else:
        await _copy_there(order, order.remote, journal)


async def _copy_here(order: Order, journal: WrittenJournal) -> None:
    _say(f"begun {os.getpid()}")
    if order.verb == "put":
        sources = [Path(source) for source in order.sources]
        await copying.put(
            sources, order.destination, directory=Path("/"), journal=journal, arrivals=Arrivals()
        )
    else:
        place = Path(order.destination)
        into = order.destination.endswith("/")
        await copying.get(
            order.sources[0],
            place,
            into=into,
            directory=Path("/"),
            journal=journal,
            arrivals=Arrivals(),
        )


async def _copy_there(order: Order, remote: Remote, journal: WrittenJournal) -> None:
    async with files_of(_server(remote), remote.way) as files:
        async with files.pipe(":") as pipe:  # connects
            await pipe.wait()
        _say(f"begun {os.getpid()}")
        if order.verb == "put":
            sources = [Path(source) for source in order.sources]
            await copying_over_ssh.put(files, sources, order.destination, journal=journal)
        else:
            place = Path(order.destination)
            into = order.destination.endswith("/")
            await copying_over_ssh.get(
                files,
                order.sources[0],
                place,
                into=into,
                journal=journal,
                arrivals=Arrivals(),
            )


def _server(remote: Remote) -> Server:
    return Server(
        kind="another's",
        host=remote.host,
        port=remote.port,
        user=remote.user,
        identity_file=Path(remote.identity_file),
        known_hosts=Path(remote.known_hosts),
        host_key="",
        pid=None,
        home=Path(remote.home),
        control=_NoControl(),
    )


def _say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def _fork(order: Order) -> int:
    """Copy in a new process, which can be killed until it is reaped."""
    pid = os.fork()
    if not pid:
        try:
            asyncio.run(_copy(order))
        except BaseException:  # noqa: BLE001 (nothing may go on in the place of the parent)
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def _main() -> None:
    for line in sys.stdin.buffer:
        pid = _fork(msgspec.json.decode(line, type=Order))
        sys.stdin.buffer.readline()
        _say(f"status {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}")


if __name__ == "__main__":
    _main()
