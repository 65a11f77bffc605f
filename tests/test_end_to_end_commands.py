"""Commands and copies with the real shell, files and ports (LANGUAGE.md 6.2, 6.3, 6.8)."""

from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from tests.support.processes import is_alive
from tests.support.program import Program, one, until


def test_what_a_run_left_behind_is_stopped_at_the_end_and_reported(program: Program) -> None:
    """6.2, 11.1: it lives until then, its output still going to the log."""
    serve = "(until [ -e go ]; do sleep 0.02; done; echo served; exec sleep 1000) &amp;"
    run = program.run(
        one(
            f"""<run name="serve">{serve}</run><run>touch go</run>
            <wait-for>grep -q served $GPLMT_RUN_DIR/logs/n1/0001-t.serve.out</wait-for>"""
        )
    )
    assert run.exit_code == 0, run.stderr
    assert run.survivors() == {}
    (event,) = run.of_kind("LeftoverStopped")
    assert (event["task"], event["at"]) == ("serve", f"{run.file}:3")
    note = f"{run.file}:3: note: stopped what run 't.serve' had left running on n1: "
    assert note in run.stderr
    assert "sleep" in run.stderr.partition(note)[2].partition("\n")[0]


def test_leave_running_survives_the_end_with_its_output_pipe(program: Program) -> None:
    service = (
        "sh -c 'echo $$ >pid; while sleep 0.05; do echo alive || exit; touch beat; done' &amp;"
    )
    begun = "until [ -e pid ]; do sleep 0.01; done"
    run = program.run(one(f'<run leave-running="true">{service} {begun}</run>'))
    pid = int((program.work / "pid").read_text())
    try:
        assert run.exit_code == 0
        assert "note: " not in run.stderr
        assert run.of_kind("LeftoverStopped") == []
        (program.work / "beat").unlink(missing_ok=True)
        until(lambda: (program.work / "beat").exists())
        assert is_alive(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_stdin_is_the_file_that_is_named_and_else_empty(program: Program) -> None:
    """6.2: beside the document first, then in the working directory; variables are expanded."""
    program.write("beside\n", "words n1.txt")
    (program.work / "words n1.txt").write_text("not this\n")
    (program.work / "here.txt").write_text("here\n")
    run = program.run(
        one(
            """<run stdin="words $GPLMT_TARGET.txt">cat</run><run stdin="here.txt">cat</run>
            <run>cat; echo nothing</run>"""
        )
    )
    assert run.lines == ["n1 | beside", "n1 | here", "n1 | nothing"]


def test_a_directory_is_below_the_working_directory(program: Program) -> None:
    (program.work / "a b" / "\xe4").mkdir(parents=True)
    run = program.run(one('<run directory="a b/\xe4">pwd</run><run directory="/">pwd</run>'))
    assert run.lines == [f"n1 | {program.work}/a b/\xe4", "n1 | /"]


@pytest.mark.parametrize("mib", [1, 10])
def test_a_long_command_text_runs_verbatim(mib: int, program: Program) -> None:
    line = ": 'quoted text $HOME `x` \\ &lt;&amp;&gt; \xe4'\n"
    count = (mib << 20) // len(line) + 1
    run = program.run(one(f"<run expected-status='7'>{line * count}echo $# $0; exit 7</run>"))
    assert (run.exit_code, run.stdout) == (0, "n1 | 0 /bin/sh\n"), run.stderr[-500:]


def test_shell_text_is_handed_over_verbatim(program: Program) -> None:
    """1.3, 6.2: quotes, newlines, comments of both languages, CDATA."""
    text = """printf '%s|' "a  b" 'c
        d' \\$x "$((1 + 2))" \\\\ '&lt;' "`echo e`" # no more
        <!-- gone --> echo; echo '#' <?pi gone?> last"""
    run = program.run(one(f"<run>{text}</run><run><![CDATA[[ 1 -lt 2 ] && echo '<&>']]></run>"))
    assert run.lines == ["n1 | a  b|c", "n1 |         d|$x|3|\\|<|e|", "n1 | # last", "n1 | <&>"]


def test_put_and_get_copy_files_trees_and_patterns_with_their_modes(program: Program) -> None:
    """6.3, 5.5."""
    tree = program.scratch / "tree with space"
    (tree / "sub" / "\xe4").mkdir(parents=True)
    (tree / "sub" / "\xe4" / "tool").write_text("#!/bin/sh\necho tool\n")
    (tree / "sub" / "\xe4" / "tool").chmod(0o751)
    (tree / "link").symlink_to("sub/\xe4/tool")
    for number in (1, 2, 3):
        program.write(f"{number}\n", f"part{number}.txt")
    run = program.run(
        one(
            """<put source="tree with space" destination="placed/$GPLMT_TARGET/"/>
            <put><source>part[12].txt</source><destination>parts/</destination></put>
            <put source="part3.txt" destination="deep/down/renamed.txt"/>
            <run>"placed/$GPLMT_TARGET/tree with space/link"; echo result >"res $GPLMT_TARGET"</run>
            <get source="res $GPLMT_TARGET" destination="$GPLMT_RUN_DIR/results/$GPLMT_TARGET/"/>
            <get source="parts/*" destination="back/$GPLMT_TARGET/"/>""",
            targets="n1 n2",
        )
    )
    assert run.exit_code == 0, run.stderr
    assert sorted(run.lines) == ["n1 | tool", "n2 | tool"]
    for node in ("n1", "n2"):
        results = run.run_directory / "results" / node
        assert (results / f"res {node}").read_text() == "result\n"
        placed = program.work / "placed" / node / "tree with space"
        assert (placed / "link").readlink() == Path("sub/\xe4/tool")
        assert stat.S_IMODE((placed / "sub" / "\xe4" / "tool").stat().st_mode) == 0o751
        assert sorted(path.name for path in (program.work / "back" / node).iterdir()) == [
            *("part1.txt", "part2.txt")
        ]
    assert (program.work / "deep/down/renamed.txt").read_text() == "3\n"
    copies = run.of_kind("PutFinished", "GetFinished")
    assert [event["bytes"] for event in copies if event["target"] == "n2"] == [20, 4, 2, 7, 4]


def test_temporary_copies_go_when_the_experiment_ends_and_others_stay(program: Program) -> None:
    """6.3, 11.1: after the teardowns, also after a signal; only what the put created."""
    program.write("data\n", "data.txt")
    (program.work / "kept").mkdir()
    text = one(
        """<put keep="false" source="data.txt" destination="kept/"/>
        <put keep="false" source="data.txt" destination="new/dir/data.txt"/>
        <put source="data.txt" destination="stays.txt"/>
        <run>cat kept/data.txt new/dir/data.txt; touch started; [ ! -e hold ] || sleep 1000</run>"""
    )
    run = program.run(text)
    assert run.lines == ["n1 | data", "n1 | data"]
    (program.work / "started").unlink()
    (program.work / "hold").touch()
    interrupted = program.start(text).until_there("started").send(signal.SIGTERM).wait()
    assert (run.exit_code, interrupted.exit_code) == (0, 143)
    for ended in (run, interrupted):
        assert ended.of_kind("CopiesRemoved")
    left = {str(path.relative_to(program.work)) for path in program.work.rglob("*")}
    assert left == {"kept", "stays.txt", "hold", "started"}


def test_a_copy_that_cannot_be_made_is_told_with_its_place(program: Program) -> None:
    run = program.run(
        one(
            """<run>touch is-there</run>
            <get source="not-*-there" destination="x"/>""",
        )
    )
    assert run.exit_code == 1
    (error,) = [line for line in run.stderr.splitlines() if "error: " in line]
    assert error.startswith(f"{run.file}:4: error: get 't.get-2' on n1 failed: ")
    assert "not-*-there" in error


def test_wait_for_sees_a_port_and_a_command_and_gives_up_in_time(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        run = program.run(
            one(
                f"""<run>(sleep 0.2; touch there) &amp;</run>
                <wait-for interval="PT0.05S">test -e there</wait-for>
                <wait-for port="{port}" host="127.0.0.1"/>
                <wait-for port="1" timeout="PT0.3S" interval="PT0.1S"/>"""
            )
        )
    assert run.exit_code == 1
    assert f"{run.file}:6: error: wait-for 't.wait-for-4' on n1 failed: " in run.stderr
    assert "localhost:1 took no connection" in run.stderr
    ended = run.of_kind("WaitForFinished")
    assert [event["outcome"] for event in ended] == ["ok", "ok", "timeout"]
