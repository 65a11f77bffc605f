"""Copies of a gplmt that is killed leave nothing that is not known (LANGUAGE.md 6.3)."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from gplmt.arrivals import Arrivals
from gplmt.transports.copying import remove
from gplmt.transports.ssh.copying import remove as remove_there
from tests.support.processes import until
from tests.support.ssh.fixtures import StartServer
from tests.support.ssh.servers import Server
from tests.support.ssh.sessions import descendants, started_through
from tests.transports.copier import Remote
from tests.transports.killing import Copier, Scene, copier_in
from tests.transports.ssh.plain_files import Way, files_of
from tests.transports.trees import Shape

MANY: Shape = {
    **{f"d{number % 7}/f{number}": os.urandom(5000) for number in range(70)},
    **{f"d{number % 7}/l{number}": "f1" for number in range(10)},
    "big": os.urandom(2 << 20),
    "d3/big": os.urandom((1 << 20) + 1),
}
FEW: Shape = {**{f"d{number % 3}/f{number}": os.urandom(5000) for number in range(12)}, "l": "d1"}

_LONG = (("get", Way.SFTP), ("get", Way.CAT), ("put", Way.TAR), ("get", Way.TAR))
WAYS = pytest.mark.parametrize(
    ("verb", "way"),
    [
        pytest.param(verb, way, marks=[pytest.mark.long] if (verb, way) in _LONG else [])
        for verb in ("put", "get")
        for way in Way
    ],
)
ROUNDS = pytest.mark.parametrize("rounds", [2, pytest.param(25, marks=pytest.mark.long)])


@pytest.fixture(scope="module")
def copier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copier]:
    with copier_in(tmp_path_factory.mktemp("journals")) as copier:
        yield copier


@pytest.mark.parametrize("verb", ["put", "get"])
@ROUNDS
async def test_what_a_killed_copy_has_left_here_is_known(
    verb: str, rounds: int, copier: Copier, tmp_path: Path
) -> None:
    scene = Scene(tmp_path, MANY)
    kills = 0
    for place in scene.places():
        scene.set()
        whole = copier.copy(verb, sources(verb, scene), place)
        scene.check_complete(whole, at=place)
        for _ in range(rounds):
            scene.set()
            moment = random.uniform(0, whole.seconds)  # noqa: S311
            killed = copier.copy(verb, sources(verb, scene), place, kill_after=moment)
            kills += killed.was_killed
            await scene.check_left(killed, remove_here)
    assert kills


@pytest.mark.openssh
@WAYS
@ROUNDS
async def test_what_a_killed_copy_has_left_on_a_node_or_here_is_known(
    verb: str, way: Way, rounds: int, copier: Copier, openssh_server: StartServer, tmp_path: Path
) -> None:
    scene = Scene(tmp_path, FEW if way is Way.CAT else MANY)
    server = openssh_server()
    remote = reached(server, way)
    kills = 0
    for place in scene.places():
        scene.set()
        whole = copier.copy(verb, sources(verb, scene), place, remote=remote)
        scene.check_complete(whole, at=place)
        for _ in range(rounds):
            scene.set()
            moment = random.uniform(0, whole.seconds)  # noqa: S311
            killed = copier.copy(
                verb, sources(verb, scene), place, remote=remote, kill_after=moment
            )
            kills += killed.was_killed
            await until(lambda: is_idle(server))
            await scene.check_left(
                killed, partial(remove_on, server) if verb == "put" else remove_here
            )
    assert kills


async def remove_here(paths: Sequence[str]) -> tuple[str, ...]:
    return await remove(paths, arrivals=Arrivals())


def reached(server: Server, way: Way) -> Remote:
    """A server as the copier is told of it."""
    return Remote(
        host=server.host,
        port=server.port,
        user=server.user,
        identity_file=str(server.identity_file),
        known_hosts=str(server.known_hosts),
        home=str(server.home),
        way=way,
    )


def is_idle(server: Server) -> bool:
    """Whether nothing that sessions have started is there any more."""
    assert server.pid is not None
    return not set(descendants(server.pid)) and not started_through(server.port)


async def remove_on(server: Server, paths: Sequence[str]) -> tuple[str, ...]:
    """Remove paths on a node."""
    async with files_of(server) as files:
        return await remove_there(files, paths)


def sources(verb: str, scene: Scene) -> list[Path]:
    """What to copy; what a get takes is a pattern."""
    return scene.sources() if verb == "put" else [scene.source / "*"]
