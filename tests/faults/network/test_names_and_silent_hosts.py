"""Hosts that cannot be found, that say nothing, or that speak another language (7.7)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.network.networks import Network
from tests.faults.network.nodes import Node
from tests.faults.network.stories import PROGRAM, SLACK_SECONDS, each, errors_of, failures_of, start
from tests.faults.support import Case, Site, check_nothing_left, check_whole_record

pytestmark = pytest.mark.openssh

TIMEOUT_SECONDS = 2.0
TIMEOUT = "<connect-timeout>PT2S</connect-timeout>"


class Elsewhere:
    """A target of which nothing is known but where it should be."""

    def __init__(self, host: str, port: int = 22) -> None:
        self.place = Path("/nonexistent")
        self._elements = f"<host>{host}</host><port>{port}</port>{TIMEOUT}"

    def target_xml(self, name: str, *, inner: str = "") -> str:
        """As `Site.target_xml`."""
        return f'<target name="{name}" type="ssh">{self._elements}{inner}</target>'

    def processes(self) -> set[int]:
        """There is nobody."""
        return set()


def failing(
    case: Case, good: Node, bad: Elsewhere, program: Sequence[str] = PROGRAM
) -> tuple[str, float]:
    """Have one target fail its first task; why it says that it did, and after how many seconds.

    The other goes on meanwhile, and afterwards, for half a second.
    """
    sites: dict[str, Site] = {"bad": bad, "good": good}
    tasks = {
        "bad": "<run name='hit'>true</run>",
        "good": "<run>echo here</run><run>sleep 0.5</run><run>echo more</run>",
    }
    run = start(case, sites, each(sites, tasks), program=program).wait(20)
    assert (run.exit_code, run.lines) == (1, ["good | here", "good | more"]), run.stderr
    events = check_whole_record(run, exit_code=1)
    (failure,) = failures_of(events)
    assert (failure.target, failure.task) == ("bad", "hit")
    assert failure.reason is not None
    assert f"run 'bad.hit' on bad failed: {failure.reason}; see " in run.stderr
    assert len(errors_of(run)) == 1
    check_nothing_left(case)
    return failure.reason, failure.seconds


@contextmanager
def listening(talk: Callable[[socket.socket], object]) -> Iterator[int]:
    """A port where each connection is talked to in a thread, until all are closed at the end."""
    talking: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            talking.append(connection)
            threading.Thread(target=attempt, args=(connection,), daemon=True).start()

    def attempt(connection: socket.socket) -> None:
        try:
            talk(connection)
        except OSError:
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in talking:
                connection.close()


@pytest.mark.long
def test_a_name_that_nobody_knows_fails_its_target_alone(case: Case, good: Node) -> None:
    reason, seconds = failing(case, good, Elsewhere("no-such-host.invalid"))
    assert reason.startswith("the host name 'no-such-host.invalid' cannot be resolved: ")
    assert seconds < TIMEOUT_SECONDS + SLACK_SECONDS


def test_a_name_server_that_does_not_answer_delays_nobody_else(
    case: Case, network: Network, good: Node, tmp_path: Path
) -> None:
    """It would be asked for a minute; gplmt ends without it."""
    dead = network.connect()
    dead.cut()
    resolver = tmp_path / "resolv.conf"
    resolver.write_text(f"nameserver {dead.address}\noptions timeout:30 attempts:2\n")
    hosts = tmp_path / "nsswitch.conf"
    hosts.write_text("hosts: files dns\n")
    step = "".join(f'mount --bind "{file}" /etc/{file.name} && ' for file in (resolver, hosts))
    private = (
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-ec",
        f'{step}exec "$0" "$@"',
    )
    began = time.monotonic()
    reason, seconds = failing(
        case, good, Elsewhere("node.example.net"), program=(*private, *PROGRAM)
    )
    assert reason == "the host name 'node.example.net' was not resolved within 2 s"
    assert TIMEOUT_SECONDS <= seconds < TIMEOUT_SECONDS + SLACK_SECONDS
    assert time.monotonic() - began < TIMEOUT_SECONDS + 2 * SLACK_SECONDS


@pytest.mark.long
def test_a_host_that_accepts_and_never_speaks_fails_in_time(case: Case, good: Node) -> None:
    with listening(lambda connection: connection.recv(1000)) as port:
        reason, seconds = failing(case, good, Elsewhere("127.0.0.1", port))
    assert reason == f"no answer from 127.0.0.1 port {port} within 2 s"
    assert TIMEOUT_SECONDS <= seconds < TIMEOUT_SECONDS + SLACK_SECONDS


def say_forever(line: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        while True:
            connection.sendall(line * 1000)

    return talk


NOT_SSH = {
    "bytes": say_forever(b"\xff\x00\x80"),
    "lines": say_forever(b"hello\r\n"),
    "banner-then-bytes": lambda connection: connection.sendall(b"SSH-2.0-x\r\n" + b"\xff" * 4000),
}


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(talk, id=name, marks=() if name == "bytes" else pytest.mark.long)
        for name, talk in NOT_SSH.items()
    ],
)
def test_a_host_that_speaks_no_ssh_fails_with_what_it_did(
    case: Case, good: Node, talk: Callable[[socket.socket], object]
) -> None:
    with listening(talk) as port:
        reason, seconds = failing(case, good, Elsewhere("127.0.0.1", port))
    assert seconds < TIMEOUT_SECONDS + SLACK_SECONDS
    assert reason.startswith(f"127.0.0.1 port {port} does not speak SSH as it should: ")
