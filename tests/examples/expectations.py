"""What each file in `examples/` does when it is run."""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType

Line = str | frozenset[str] | EllipsisType


class Expect:
    """An exit code, all lines on stdout in order, and what is `told` on stderr, in any order.

    A set of lines comes in any order; `...` stands for any lines, or none.
    """

    def __init__(
        self,
        exit_code: int,
        *stdout: str | set[str] | EllipsisType,
        told: Sequence[str] = (),
    ) -> None:
        self.exit_code = exit_code
        self.stdout: tuple[Line, ...] = tuple(
            frozenset(line) if isinstance(line, set) else line for line in stdout
        )
        self.told = tuple(told)

    def all_lines(self) -> set[str]:
        """Every line of which this speaks."""
        found: set[str] = set()
        for line in self.stdout:
            if isinstance(line, str):
                found.add(line)
            elif isinstance(line, frozenset):
                found |= line
        return found


def fits(lines: Sequence[str], expected: Sequence[Line]) -> bool:
    """Whether the lines are those that are expected, and no others."""
    if not expected:
        return not lines
    first, rest = expected[0], expected[1:]
    if isinstance(first, EllipsisType):
        return any(fits(lines[skipped:], rest) for skipped in range(len(lines) + 1))
    if isinstance(first, str):
        return [*lines[:1]] == [first] and fits(lines[1:], rest)
    size = len(first)
    return len(lines) >= size and {*lines[:size]} == first and fits(lines[size:], rest)


LOCAL = {
    "background_server.xml": Expect(
        0,
        {
            "server | Serving HTTP on 127.0.0.1 port 18765 (http://127.0.0.1:18765/) ...",
            "client | Hello over HTTP",
        },
    ),
    "built_in_variables.xml": Expect(
        0,
        "here | target: here",
        "here | index: 0",
        "here | count: 1",
        "here | step: look",
        "here | iteration: 0",
        "here | run: it has a directory",
        "here | target: here",
        "here | index: 0",
        "here | count: 1",
        "here | step: look",
        "here | iteration: 1",
        "here | run: it has a directory",
    ),
    "call.xml": Expect(0, "here | build", "here | greet Ada", "here | build", "here | done"),
    "call_expected_status.xml": Expect(
        1, "here | the fault was detected", told=["exited with status 1, expected 0"]
    ),
    "cleanup.xml": Expect(1, "here | set up", "here | cleaned up", told=["probe"]),
    "directory.xml": Expect(0, "here | /"),
    "enabled.xml": Expect(0, "here | this runs"),
    "environment.xml": Expect(
        0,
        "node | A=targets B=group C=target D=step",
        "node | it costs $5",
        "node | A=targets B=targets C=target D=step",
        "node | it costs $5",
    ),
    "expected_status.xml": Expect(
        1,
        "here | all as expected so far",
        told=["here | no such compiler", "compile", "exited with status 3, expected 0"],
    ),
    "experiment_timeout.xml": Expect(
        1, "here | working", "here | tearing down", told=["timeout of 1 s"]
    ),
    "fail.xml": Expect(1, "here | looking at the clock", told=["this experiment wants to fail"]),
    "groups.xml": Expect(
        0,
        {
            "node1 | everyone: index 0 of 3",
            "node2 | everyone: index 1 of 3",
            "node3 | everyone: index 2 of 3",
        },
        {"node2 | second-rack: index 0 of 2", "node3 | second-rack: index 1 of 2"},
        {"node1 | pattern: index 0 of 2", "node3 | pattern: index 1 of 2"},
    ),
    "hello_world.xml": Expect(0, "here | Hello, world!"),
    "include.xml": Expect(0, "lab.visitor | Good morning, Grace.", "lab.visitor | Goodbye."),
    "leave_running.xml": Expect(0, "here | both are running"),
    "long_command.xml": Expect(
        0,
        'here | 3 < 5 & "quotes" are fine',
        "here | It's $HOME, literally",
        "here | sum: 15",
    ),
    "loop_duration.xml": Expect(0, "here | round 0", ..., "here | time is up"),
    "loop_list.xml": Expect(0, "here | with cubic", "here | with reno", "here | with bbr"),
    "loop_nested.xml": Expect(
        0, "here | 0.0: a 1", "here | 0.1: a 2", "here | 1.0: b 1", "here | 1.1: b 2"
    ),
    "loop_product.xml": Expect(
        0,
        "here | 64 bytes, cubic",
        "here | 64 bytes, bbr",
        "here | 1500 bytes, cubic",
        "here | 1500 bytes, bbr",
    ),
    "loop_range.xml": Expect(
        0, "here | 1", "here | 2", "here | 3", "here | 10", "here | 5", "here | 0"
    ),
    "loop_repeat.xml": Expect(0, "here | round 0", "here | round 1", "here | round 2"),
    "min_success.xml": Expect(
        0,
        {"node1 | measured", "node3 | measured"},
        told=["node2", "exited with status 1, expected 0"],
    ),
    "on_error_continue.xml": Expect(
        1,
        "here | first",
        "here | third",
        "here | fifth",
        told=["exited with status 2, expected 0", "exited with status 4, expected 0"],
    ),
    "on_error_stop_experiment.xml": Expect(1, "here | tearing down"),
    "on_error_stop_step.xml": Expect(1, "good | the next step runs", told=["bad"]),
    "on_error_stop_tasklist.xml": Expect(1, "here | trying", "here | the caller goes on"),
    "par_max_parallel.xml": Expect(
        0, {"here | 1 starts", "here | 2 starts"}, {"here | 3 starts", "here | 4 starts"}
    ),
    "put_and_get.xml": Expect(0, {"node1 | HELLO FROM A FILE.", "node2 | HELLO FROM A FILE."}),
    "put_many.xml": Expect(
        0, "here | files greeting.txt numbers.txt", "here | greeting.txt numbers.txt"
    ),
    "put_temporary.xml": Expect(0, "here | Hello from a file."),
    "retries.xml": Expect(0, "here | attempt 1", "here | attempt 2", "here | attempt 3"),
    "seq_and_par.xml": Expect(
        0, "here | begin", {"here | left 1", "here | left 2", "here | right"}, "here | end"
    ),
    "several_targets.xml": Expect(
        0, {"alice | I am alice", "bob | I am bob", "carol | I am carol"}
    ),
    "start_and_stop.xml": Expect(0, "here | early", "here | late", "here | endless: stopped"),
    "stdin.xml": Expect(0, "here | the largest is 40", "here | read 0 bytes"),
    "step_max_parallel.xml": Expect(
        0,
        "node1 | updating",
        "node1 | updated",
        "node2 | updating",
        "node2 | updated",
        "node3 | updating",
        "node3 | updated",
    ),
    "stop_signal.xml": Expect(0, "here | capturing", "here | INT: writing the file"),
    "synchronize.xml": Expect(0, {"node1 | built", "node2 | built"}, "node1 | measured"),
    "synchronize_targets.xml": Expect(0, "fast | first", "fast | second", "slow | first"),
    "teardown.xml": Expect(
        1,
        "here | set up",
        "here | teardown of the network",
        "here | teardown of the disks",
        told=["exited with status 1, expected 0"],
    ),
    "timeout.xml": Expect(
        1,
        {"slow | started", "steady | tick", "steady | tock"},
        told=["timed out after 0.5 s", "ran over its timeout of 1 s"],
    ),
    "wait_for.xml": Expect(0, "here | the file is there"),
}

# What needs an SSH server; all hosts are this machine.
REMOTE = {
    "ssh_copy.xml": Expect(
        0, {"node1 | the largest is 40", "node2 | the largest is 40"}, "here | 2 results"
    ),
    "ssh_dead_node.xml": Expect(
        0,
        {"node1 | measured", "node2 | measured"},
        told=["node3 failed: localhost port 1 cannot be reached: connection refused"],
    ),
    "ssh_group.xml": Expect(
        0,
        {"node1 | lab: 0 of 3", "node2 | lab: 1 of 3", "here | lab: 2 of 3"},
        {"node1 | nodes only", "node2 | nodes only"},
    ),
    "ssh_hello_world.xml": Expect(0, "node | Hello, world!"),
    "ssh_jump_host.xml": Expect(0, {"node1 | behind the gate", "node2 | behind the gate"}),
    "ssh_options.xml": Expect(0, {"node1 | logged in", "node2 | logged in"}),
    "ssh_two_hosts.xml": Expect(
        0,
        {
            "server | Serving HTTP on 127.0.0.1 port 18766 (http://127.0.0.1:18766/) ...",
            "client | Hello from a file.",
        },
    ),
}

# What names something that does not exist: what a run says on stderr.
REFUSED = {
    "planetlab_slice.xml": Expect(3, told=["planetlab_slice.xml:11: error: target 'slice': "]),
}

# What other examples include: it can be checked, and has no steps to run.
LIBRARIES = ("include/lab.xml", "include/words.xml")
