"""Every test of this directory is a fault of the suite `pytest -m faults`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.support import HERE, Case, Site, There, faults_of
from tests.support.program import Program
from tests.support.ssh.fixtures import StartServer

_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, so that no module can forget to."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture
def case(program: Program) -> Iterator[Case]:
    """Runs of gplmt, of which nothing outlives the test."""
    with faults_of(program) as case:
        yield case


@pytest.fixture
def mount() -> Iterator[Callable[..., Path]]:
    """Mounts small file systems in memory; the options are those of tmpfs(5)."""
    mounted: list[Path] = []

    def mount_at(place: Path, options: str) -> Path:
        place.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        answer = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
        if answer.returncode:
            pytest.skip(f"NO FULL DISK TESTED: a small tmpfs needs root: {answer.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount_at
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S603, S607


@pytest.fixture
def site(request: pytest.FixtureRequest, case: Case) -> Site:
    """Where commands run: parametrise it indirectly with HERE, or with THERE, real OpenSSH."""
    if request.param == HERE:
        return case.here
    start_server: StartServer = request.getfixturevalue("openssh_server")
    return case.at(There(start_server()))
