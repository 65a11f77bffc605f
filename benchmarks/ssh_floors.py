"""What gplmt over SSH is measured against: the least that a script with asyncssh has to do.

`ssh_floors.py LAB WORK …`; LAB is a JSON file that says who, where and with which key.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncssh

_CONNECTS_IN_FLIGHT = 64

Work = Callable[[asyncssh.SSHClientConnection, int], Awaitable[None]]


async def on_each(lab: Mapping[str, Any], work: Work) -> None:
    """Do `work` on a connection to each host, told its number."""
    key = asyncssh.read_private_key(lab["key"])
    known_hosts = asyncssh.read_known_hosts(lab["known_hosts"])
    limit = asyncio.Semaphore(_CONNECTS_IN_FLIGHT)

    async def one(number: int, address: str, port: int) -> None:
        async with limit:
            connection = await asyncssh.connect(
                address,
                port,
                username=lab["user"],
                client_keys=[key],
                known_hosts=known_hosts,
                config=None,
                agent_path=None,
                encryption_algs=[lab["cipher"], "chacha20-poly1305@openssh.com"],
            )
        async with connection:
            await work(connection, number)

    async with asyncio.TaskGroup() as group:
        for number, (address, port) in enumerate(lab["hosts"]):
            group.create_task(one(number, address, port))


def run(command: str, times: int) -> Work:
    """Run a command so many times, one after another."""

    async def work(connection: asyncssh.SSHClientConnection, _: int) -> None:
        for _ in range(times):
            await connection.run(command, check=True)

    return work


class ToFile(asyncssh.SSHClientSession[bytes]):
    """Writes output as it comes, unbuffered: the cheapest way there is."""

    def __init__(self, path: Path, ended: asyncio.Future[None]) -> None:
        self._file = path.open("wb", buffering=0)
        self._ended = ended

    def data_received(self, data: bytes, _: asyncssh.DataType) -> None:
        """Write it."""
        self._file.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        """The channel has closed."""
        self._file.close()
        self._ended.set_result(None)


def collect(command: str, directory: str) -> Work:
    """Run a command, its output into a file per host."""

    async def work(connection: asyncssh.SSHClientConnection, number: int) -> None:
        path = Path(directory) / str(number)
        ended = asyncio.get_running_loop().create_future()
        channel, _ = await connection.create_session(
            lambda: ToFile(path, ended), command, encoding=None
        )
        await ended
        if channel.get_exit_status() != 0:
            raise RuntimeError(f"'{command}' failed")

    return work


def put(source: str, destination: str) -> Work:
    """Put a file to `destination`, followed by the number of the host."""

    async def work(connection: asyncssh.SSHClientConnection, number: int) -> None:
        async with connection.start_sftp_client() as sftp:
            await sftp.put(source, f"{destination}{number}")

    return work


def get(source: str, destination: str) -> Work:
    """Get a file."""

    async def work(connection: asyncssh.SSHClientConnection, number: int) -> None:
        async with connection.start_sftp_client() as sftp:
            await sftp.get(source, f"{destination}{number}")

    return work


def put_tree(source: str, destination: str, in_flight: int) -> Work:
    """Put a directory, so many files at a time; one at a time is asyncssh's own recursion."""

    async def work(connection: asyncssh.SSHClientConnection, number: int) -> None:
        async with connection.start_sftp_client() as sftp:
            if in_flight == 1:
                await sftp.put(source, f"{destination}{number}", recurse=True)
                return
            files: list[tuple[str, str]] = []
            for directory, names in _walk(source):
                there = f"{destination}{number}{directory.removeprefix(source)}"
                await sftp.mkdir(there)
                files += [(f"{directory}/{name}", f"{there}/{name}") for name in names]
            limit = asyncio.Semaphore(in_flight)

            async def one(here: str, there: str) -> None:
                async with limit:
                    await sftp.put(here, there)

            async with asyncio.TaskGroup() as group:
                for here, there in files:
                    group.create_task(one(here, there))

    return work


def _walk(top: str) -> Iterator[tuple[str, list[str]]]:
    for directory, _, names in os.walk(top):
        yield directory, names


def main(lab: str, *words: str) -> None:
    """Be the floor that is named."""
    match words:
        case ["run", command, times]:
            work = run(command, int(times))
        case ["collect", command, directory]:
            work = collect(command, directory)
        case ["put", source, destination]:
            work = put(source, destination)
        case ["get", source, destination]:
            work = get(source, destination)
        case ["put-tree", source, destination, in_flight]:
            work = put_tree(source, destination, int(in_flight))
        case _:
            sys.exit("usage: ssh_floors.py LAB run|collect|put|get|put-tree …")
    asyncio.run(on_each(json.loads(Path(lab).read_text()), work))


if __name__ == "__main__":
    main(*sys.argv[1:])
