"""The end of runs on nodes: signals, death, lost connections, and what is left (7.5, 11)."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import is_alive
from tests.support.program import Program, Running, until
from tests.support.ssh.fixtures import StartProxy
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.servers import Server
from tests.support.ssh.sessions import kill, started_through

pytestmark = [
    pytest.mark.openssh,
    # Who logs in as root gets no signal of SSH through, so both are seen.
    pytest.mark.parametrize("server", of_kinds("openssh", "openssh-dash"), indirect=True),
]

# A command with all kinds of children; `started` is there once all of them are.
BUSY = """<run>sleep 1000 &amp; nohup sleep 1000 >nohup.out 2>&amp;1 &amp;
setsid sleep 1000 &amp; (setsid sh -c 'touch daemon; sleep 1000' &amp;) ;
until [ -e daemon ]; do sleep 0.01; done; touch started; sleep 1000</run>"""
# Each stage of the ending says that it ran, and waits where the variable HOLD says so.
TASKLISTS = f"""
<tasklist name="busy" cleanup="tidy">{BUSY}</tasklist>
<tasklist name="serve" cleanup="unserve"><run>touch serving; sleep 1000</run></tasklist>
<tasklist name="tidy"><run>touch at-tidy; [ "$HOLD" != tidy ] || sleep 1000; echo tidy</run>
</tasklist>
<tasklist name="restore"><run>echo restore</run></tasklist>
<tasklist name="unserve"><run>echo unserve</run></tasklist>"""
STEPS = """
<step tasklist="serve" targets="far" background="true"/>
<register-teardown tasklist="restore" targets="far"/>
<step tasklist="busy" targets="far"/>"""
ENDING = ["far | tidy", "far | restore", "far | unserve"]


class Lab:
    """Runs on one node, which can be looked at."""

    def __init__(self, program: Program, server: Server, home: Path) -> None:
        self.server = server
        self._program = program
        self._environment = {"HOME": str(home)}

    def start(
        self, tasklists: str, steps: str, *options: str, inner: str = "", at: Server | None = None
    ) -> Running:
        """Start an experiment with a target `far`, the node, or the way `at` which it is."""
        target = (at or self.server).target_xml("far", inner=inner)
        return self._program.start(
            f"<experiment>\n<targets>{target}</targets>\n<tasklists>{tasklists}</tasklists>\n"
            f"<steps>{steps}</steps>\n</experiment>\n",
            *options,
            environment=self._environment,
        )

    def start_tasks(self, tasks: str, *options: str, at: Server | None = None) -> Running:
        """Start an experiment of one step with these tasks."""
        tasklist = f'<tasklist name="t">{tasks}</tasklist>'
        return self.start(tasklist, '<step tasklist="t" targets="far"/>', *options, at=at)

    def start_busy(self, *, hold: str = "") -> Running:
        """Start what has a cleanup, a teardown and a background step, all of it running."""
        inner = f'<export-env var="HOLD" value="{hold}"/>'
        run = self.start(TASKLISTS, STEPS, inner=inner)
        return self.until_there(run, "started", "serving")

    def until_there(self, run: Running, *names: str) -> Running:
        """Wait until commands have made these files in the login directory."""
        files = [self.server.home / name for name in names]
        until(lambda: all(file.exists() for file in files) or run.process.poll() is not None)
        assert [file.name for file in files if not file.exists()] == [], run.stderr
        return run

    def processes(self) -> set[int]:
        """All that sessions on the node have started and that lives."""
        return started_through(self.server.port)

    def until_clean(self, *, seconds: float = 2.0) -> None:
        """Wait until nothing lives there any more."""
        until(lambda: self.processes() == set(), seconds=seconds)


@pytest.fixture
def lab(program: Program, server: Server, tmp_path: Path) -> Iterator[Lab]:
    """A node on which nothing lives when the test has ended."""
    home = tmp_path / "home"
    home.mkdir()
    lab = Lab(program, server, home)
    yield lab
    lab.until_clean()


def test_the_first_signal_ends_the_experiment_in_order_on_the_node_too(lab: Lab) -> None:
    """11.1, 11.2."""
    run = lab.start_busy().send(signal.SIGINT).wait()
    assert (run.exit_code, run.lines) == (130, ENDING)
    assert "error: " not in run.stderr
    assert "result: interrupted by SIGINT (exit code 130)\n" in run.stderr
    lab.until_clean()


def test_the_second_signal_kills_what_runs_and_leaves_nothing_on_the_node(lab: Lab) -> None:
    """11.2."""
    run = lab.start_busy(hold="tidy").send(signal.SIGINT)
    lab.until_there(run, "at-tidy").send(signal.SIGTERM).wait(10)
    assert (run.exit_code, run.lines) == (130, [])
    assert "the ending was cut short by a second signal, SIGTERM" in run.stderr
    lab.until_clean()


def test_when_gplmt_is_killed_nothing_lives_on_the_node_soon_after(lab: Lab) -> None:
    """7.5: within the grace period plus 2 s, daemons included; what ignores TERM is killed."""
    stubborn = "setsid sh -c \"trap '' TERM; touch daemon; while :; do sleep 0.1; done\" &amp;"
    tasks = BUSY.replace("sleep 1000 &amp;", stubborn, 1)
    run = lab.until_there(lab.start_tasks(tasks, "--grace", "0.5"), "started")
    assert len(lab.processes()) >= 6
    run.send(signal.SIGKILL).wait()
    began = time.monotonic()
    lab.until_clean(seconds=2.5)
    assert time.monotonic() - began >= 0.3, "it had no grace period"


def test_a_stop_takes_the_stop_signal_first(lab: Lab) -> None:
    """7.5: the command is asked, and may end by itself; what timed out has failed."""
    tasks = """<run timeout="PT1S" stop-signal="INT">
      trap 'echo got INT; exit' INT; while :; do sleep 0.05; done</run>"""
    run = lab.start_tasks(tasks, "--grace", "60").wait()
    assert (run.exit_code, run.lines) == (1, ["far | got INT"])
    assert "run 't.run-1' on far timed out after 1 s" in run.stderr


def test_a_lost_connection_fails_what_ran_and_the_cleanup_connects_anew(lab: Lab) -> None:
    """7.7: it is no exit status, so no expected one is met."""
    tasklists = f"""<tasklist name="t" cleanup="tidy">{BUSY}</tasklist>
      <tasklist name="tidy"><run>echo tidy</run></tasklist>"""
    run = lab.start(tasklists, '<step tasklist="t" targets="far"/>', "--grace", "0.5")
    lab.until_there(run, "started")
    lab.server.kill_sessions()
    run.wait()
    assert (run.exit_code, run.lines) == (1, ["far | tidy"])
    assert "run 't.run-1' on far failed: the connection was lost (" in run.stderr
    lab.until_clean()


def test_a_network_that_is_cut_leaves_nothing_on_the_node_and_gplmt_notices(
    lab: Lab, fault_proxy: StartProxy
) -> None:
    """7.5: within the lease, grace and some time; here the lease is short."""
    proxy = fault_proxy(lab.server)
    run = lab.start_tasks(BUSY, "--lease", "3", "--grace", "0.5", at=proxy.server)
    lab.until_there(run, "started")
    proxy.hole()
    lab.until_clean(seconds=3 + 0.5 + 3)
    run.wait(15)
    assert run.exit_code == 1
    assert "run 't.run-1' on far failed: the connection was lost (" in run.stderr


def test_what_a_run_has_left_running_is_stopped_at_the_end_and_told(lab: Lab) -> None:
    """6.2, 11.1."""
    tasks = """<run name="leave">sleep 1000 &amp; setsid sleep 1000 &amp; echo $! >pid</run>
      <run expected-status="0">kill -0 "$(cat pid)" &amp;&amp; echo 'it lives'</run>"""
    run = lab.start_tasks(tasks).wait()
    assert (run.exit_code, run.lines) == (0, ["far | it lives"])
    (note,) = [line for line in run.stderr.splitlines() if ": note: " in line]
    assert "stopped what run 't.leave' had left running on far: " in note
    assert note.count(" sleep") == 2
    (stopped,) = run.of_kind("LeftoverStopped")
    assert stopped["target"] == "far"
    lab.until_clean()


def test_what_may_be_left_running_lives_on_when_the_experiment_has_ended(lab: Lab) -> None:
    """6.2."""
    tasks = """<run leave-running="true">sleep 1000 >/dev/null 2>&amp;1 &amp; echo $! >pid</run>
      <run>sleep 1000 &amp;</run>"""
    run = lab.start_tasks(tasks).wait()
    assert run.exit_code == 0
    pid = int((lab.server.home / "pid").read_text())
    until(lambda: lab.processes() == {pid})
    assert is_alive(pid)
    kill([pid])
