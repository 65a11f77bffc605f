"""What commands are given, and what comes back (LANGUAGE.md 5.4, 6.2)."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from gplmt.errors import LaunchError
from tests.support.processes import open_descriptors, until
from tests.transports.host import Host, Output

MEBIBYTE = 1 << 20
LONG = ": " + "x" * 200_000 + "\n"

# What a text writes, whatever surrounds it.
TEXTS = {
    "printf '%s' 'é€😀 \t\"'": 'é€😀 \t"',
    "cat <<'EOF'\n$x `y` \\\nEOF": "$x `y` \\\n",
    "echo a\necho b # comment\n\n": "a\nb\n",
    "# only a comment": "",
    "": "",
    "\n \t\n": "",
    "echo \\\n  joined": "joined\n",
    "echo '{'; echo }; f() { echo in f; }; f": "{\n}\nin f\n",
    'x=$(echo "$(echo \'"\')"); printf %s "$x"\'\n\'': '"\n',
    "exec echo replaced": "replaced\n",
    "echo out; exit 0; echo never": "out\n",
    "echo $0 $#": "/bin/sh 0\n",
    "cat": "",
}
VALUES = [
    "",
    " ",
    "a\nb\n",
    "'\"`$(id)\\",
    "é\u20ac\U0001f600",
    "=",
    "x" * 100_000,
    os.fsdecode(bytes(range(1, 256))),
]


async def test_the_status_is_the_shells_own(host: Host) -> None:
    for status in (0, 1, 2, 125, 126, 127, 128, 143, 255):
        assert (await host.run(f"exit {status}")).returncode == status


async def test_death_by_a_signal_is_told_from_a_status(host: Host) -> None:
    for name in ("TERM", "KILL", "SEGV", "HUP", "INT", "PIPE"):
        result = await host.run(f"kill -{name} $$")
        assert result.returncode == -signal.Signals[f"SIG{name}"], name


async def test_each_stream_goes_to_its_own_sink_and_both_are_closed_once(host: Host) -> None:
    result = await host.run("echo out; echo err >&2")
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")
    await result.execution.closed()


async def test_output_is_passed_on_byte_by_byte(host: Host) -> None:
    content = bytes(range(256)) * 5000 + b"no newline at the end \xff\r"
    (host.directory / "content").write_bytes(content)
    result = await host.run("cat content; cat content >&2")
    assert result.stdout == content
    assert result.stderr == content


async def test_a_command_reads_nothing_unless_it_is_given_a_file(host: Host) -> None:
    assert (await host.run("cat")).stdout == b""


@pytest.mark.parametrize("size", [0, 1, 300_000, 5_000_000])
async def test_stdin_is_the_file_it_was_given(size: int, host: Host, tmp_path: Path) -> None:
    content = os.urandom(size)
    (tmp_path / "in put").write_bytes(content)
    assert (await host.run("cat", stdin=tmp_path / "in put")).stdout == content


async def test_stdin_is_not_read_by_anybody_but_the_command(host: Host, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("".join(f"echo line {number}\n" for number in range(10_000)))
    result = await host.run("read a; echo $a; read b; echo $b", stdin=tmp_path / "in")
    assert result.stdout == b"echo line 0\necho line 1\n"


async def test_a_command_may_stop_reading_what_never_ends(host: Host) -> None:
    result = await host.run("head -c 100000", stdin=Path("/dev/zero"))
    assert (result.returncode, result.stdout) == (0, bytes(100_000))
    assert (await host.run("exit 3", stdin=Path("/dev/zero"))).returncode == 3


async def test_a_pipe_with_a_name_is_waited_for_by_the_command_alone(
    host: Host, tmp_path: Path
) -> None:
    pipe = tmp_path / "it's a pipe"
    os.mkfifo(pipe)
    reader = host.begin("cat; echo $0 $#", stdin=pipe)
    assert (await host.run("echo others go on")).returncode == 0
    await asyncio.to_thread(pipe.write_text, "from here\n")
    assert await reader.returncode() == 0
    assert bytes(reader.stdout.data) == b"from here\n/bin/sh 0\n"


async def test_a_command_starts_where_its_target_says(host: Host) -> None:
    (host.directory / "here").touch()
    assert (await host.run("ls")).stdout == b"here\n"


async def test_a_directory_is_taken_literally(host: Host) -> None:
    for name in ("d", "a b", "it's", "-e", "$HOME", "~", "é", "new\nline", "a*"):
        host.make_directory(name)
        result = await host.run("pwd -P", directory=name)
        assert result.stdout.decode() == f"{host.directory.resolve()}/{name}\n"


async def test_an_absolute_directory_is_one(host: Host) -> None:
    assert (await host.run("pwd", directory="/")).stdout == b"/\n"


async def test_variables_arrive_as_they_are(host: Host) -> None:
    for value in VALUES:
        result = await host.run('printf %s "$V"', environment={"V": value})
        assert result.stdout == os.fsencode(value)


async def test_variables_may_have_any_name(host: Host) -> None:
    # Those of our scripts among them.
    names = ("token", "grace", "lease", "words", "line", "s", "_x", "X1", "ENV", "CDPATH", "TMPDIR")
    environment = {name: f"value of {name}" for name in names}
    text = "; ".join(f'echo "${name}"' for name in names)
    result = await host.run(text, environment=environment)
    assert result.stdout.decode().splitlines() == list(environment.values())


async def test_a_command_may_have_its_own_search_path(host: Host) -> None:
    result = await host.run("echo $PATH; ls", environment={"PATH": "/nowhere"})
    assert (result.returncode, result.stdout) == (127, b"/nowhere\n")


async def test_a_command_is_alone_in_its_session_with_three_descriptors(host: Host) -> None:
    result = await host.run('echo $$; cut -d " " -f 5,6 /proc/$$/stat; ls /proc/$$/fd; true')
    pid, ids, *descriptors = result.stdout.decode().split("\n")
    assert ids == f"{pid} {pid}"
    assert set(descriptors) <= {"0", "1", "2", "10", ""}  # 10 is a shell's own


async def test_signals_are_not_ignored_in_a_command(host: Host) -> None:
    result = await host.run("grep SigIgn /proc/self/status")
    # BusyBox' shell ignores QUIT of its own accord.
    assert int(result.stdout.split()[1], 16) & ~(1 << (signal.SIGQUIT - 1)) == 0


async def test_a_text_means_what_it_means_to_a_shell(host: Host) -> None:
    for text, expected in TEXTS.items():
        result = await host.run(text)
        assert (result.returncode, result.stdout.decode(), result.stderr) == (0, expected, b"")


async def test_a_long_text_means_the_same_as_a_short_one(host: Host) -> None:
    for text, expected in TEXTS.items():
        result = await host.run(LONG + text)
        assert (result.returncode, result.stdout.decode(), result.stderr) == (0, expected, b"")
    assert (await host.run(f"{LONG}exit 3")).returncode == 3
    assert (await host.run(f"{LONG}kill -9 $$")).returncode == -9


async def test_a_text_may_have_bytes_that_are_no_text(host: Host) -> None:
    odd = os.fsdecode(b"\xff\xfe\x80\x01")
    for text in (f"printf %s '{odd}'", f"{LONG}printf %s '{odd}'"):
        assert (await host.run(text)).stdout == b"\xff\xfe\x80\x01"


async def test_a_text_may_be_of_any_length(host: Host, tmp_path: Path) -> None:
    line = "n=$((n+1)) # it's " + "é" * 5000 + "\n"
    lines = 2 * MEBIBYTE // len(line.encode()) + 1
    (tmp_path / "in").write_bytes(b"from stdin")
    result = await host.run(line * lines + "echo $n; cat", stdin=tmp_path / "in")
    assert result.stdout == f"{lines}\nfrom stdin".encode()


async def test_a_long_text_leaves_no_file_and_no_descriptor(host: Host) -> None:
    temporary = host.make_directory("temporary")
    result = await host.run(
        f"{LONG}ls /proc/$$/fd; ls -A $TMPDIR; true", environment={"TMPDIR": str(temporary)}
    )
    assert set(result.stdout.split()) <= {b"0", b"1", b"2", b"10"}
    assert (await host.run("ls -A temporary")).stdout == b""


async def test_a_missing_directory_is_named(host: Host) -> None:
    with pytest.raises(LaunchError, match=r"in directory '.*missing': no such file or directory"):
        await host.run("true", directory="missing")


async def test_a_file_is_no_directory(host: Host) -> None:
    (host.directory / "file").touch()
    with pytest.raises(LaunchError, match="file': not a directory"):
        await host.run("true", directory="file")


async def test_a_missing_stdin_is_named(host: Host, tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=f"'{tmp_path}/missing': no such file"):
        await host.run("true", stdin=tmp_path / "missing")


async def test_a_directory_is_no_stdin(host: Host, tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=f"'{tmp_path}': is a directory"):
        await host.run("true", stdin=tmp_path)


async def test_an_environment_that_is_too_large_is_explained(host: Host) -> None:
    with pytest.raises(LaunchError, match="too large; the longest variable, BIG, has 200"):
        await host.run("true", environment={"BIG": "x" * 200_000})


async def test_what_could_not_start_closes_its_sinks_and_keeps_no_descriptor(
    host: Host, tmp_path: Path
) -> None:
    await host.run("true")
    before = open_descriptors()
    beginnings = [
        partial(host.begin, "true", directory="missing"),
        partial(host.begin, "true", stdin=tmp_path / "missing"),
        partial(host.begin, "true", stdin=tmp_path),
        partial(host.begin, "true", environment={"BIG": "x" * 200_000}, leave_running=True),
        partial(host.begin, LONG, directory="missing"),
    ]
    for begin in beginnings:
        execution = begin()
        with pytest.raises(LaunchError):
            await execution.returncode()
        await execution.closed()
    await until(lambda: open_descriptors() == before)


async def test_forty_commands_run_at_once_and_wait_for_each_other(host: Host) -> None:
    """None is queued behind others (LANGUAGE.md 6.5)."""
    host.make_directory("started")
    text = "echo >started/$N; while [ ! -e started/go ]; do sleep 0.1; done; echo $N"
    executions = [host.begin(text, environment={"N": str(number)}) for number in range(40)]
    await until(lambda: len(list((host.directory / "started").iterdir())) == 40)
    (host.directory / "started" / "go").touch()
    for number, execution in enumerate(executions):
        assert await execution.returncode() == 0
        assert execution.stdout.data == f"{number}\n".encode()


async def test_hundreds_of_commands_keep_no_descriptors(host: Host) -> None:
    await host.run("true")
    before = len(open_descriptors())
    for _ in range(15):
        executions = [host.begin("echo x") for _ in range(9)]
        for execution in executions:
            assert await execution.returncode() == 0
            assert execution.stdout.data == b"x\n"
    # Some connections more, where a server takes few commands at once.
    await until(lambda: len(open_descriptors()) < before + 30)


async def test_reading_waits_while_a_sink_asks_for_a_pause(host: Host) -> None:
    host.make_directory("written")
    stdout = Output(pause_after=1)
    execution = host.begin("head -c 20000000 /dev/zero; echo end; touch written/all", stdout=stdout)
    await until(lambda: len(stdout.data) > 0)
    await asyncio.sleep(0.3)
    assert len(stdout.data) <= 65_536
    assert not (host.directory / "written" / "all").exists()
    stdout.go_on()
    assert await execution.returncode() == 0
    assert stdout.data == bytes(20_000_000) + b"end\n"


async def test_a_pause_does_not_keep_the_run_from_ending(host: Host) -> None:
    stdout = Output(pause_after=1)
    execution = host.begin("echo one; sleep 0.1; echo two", stdout=stdout)
    assert await execution.returncode() == 0
    assert stdout.data == b"one\ntwo\n"
    await execution.closed()
