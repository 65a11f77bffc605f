"""What local commands are given, and what comes back (LANGUAGE.md 5.4, 6.2)."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from gplmt.errors import LaunchError
from gplmt.protocols import Completed
from tests.support.processes import open_descriptors
from tests.transports.host import Host, Hosts, Output

MEBIBYTE = 1 << 20


@pytest.mark.parametrize("status", [0, 1, 2, 125, 126, 127, 128, 143, 255])
async def test_the_status_is_the_shells_own(status: int, host: Host) -> None:
    assert (await host.run(f"exit {status}")).returncode == status


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "HUP", "INT", "PIPE"])
async def test_death_by_a_signal_is_told_from_a_status(name: str, host: Host) -> None:
    result = await host.run(f"kill -{name} $$")
    assert result.returncode == -signal.Signals[f"SIG{name}"]


async def test_each_stream_goes_to_its_own_sink_and_both_are_closed_once(host: Host) -> None:
    result = await host.run("echo out; echo err >&2")
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")
    assert (result.execution.stdout.closed, result.execution.stderr.closed) == (1, 1)


async def test_output_is_passed_on_byte_by_byte(host: Host, tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000 + b"no newline at the end \xff\r"
    (tmp_path / "content").write_bytes(content)
    result = await host.run("cat content; cat content >&2")
    assert result.stdout == content
    assert result.stderr == content


async def test_fifty_megabytes_of_output_take_no_memory(host: Host) -> None:
    class Counter(Output):
        size = 0

        def write(self, data: bytes) -> bool:
            self.size += len(data)
            return True

    counter = Counter()
    await host.run(":")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    execution = host.begin("head -c 52428800 /dev/zero", stdout=counter)
    assert await execution.returncode() == 0
    assert counter.size == 50 * MEBIBYTE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 * 1024


async def test_a_command_reads_nothing_unless_it_is_given_a_file(host: Host) -> None:
    assert (await host.run("cat")).stdout == b""


async def test_stdin_is_the_file_it_was_given(host: Host, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    (tmp_path / "in put").write_bytes(content)
    assert (await host.run("cat", stdin=tmp_path / "in put")).stdout == content


async def test_a_pipe_with_a_name_is_waited_for_by_the_command_alone(
    host: Host, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "it's a pipe")
    reader = host.begin("cat; echo $0 $#", stdin=tmp_path / "it's a pipe")
    assert (await host.run('echo from here >"it\'s a pipe"')).returncode == 0
    assert await reader.returncode() == 0
    assert bytes(reader.stdout.data) == b"from here\n/bin/sh 0\n"


async def test_a_command_starts_in_the_working_directory(host: Host, tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    assert (await host.run("ls")).stdout == b"here\n"


@pytest.mark.parametrize("name", ["d", "a b", "it's", "-e", "$HOME", "é"])
async def test_a_directory_is_taken_literally(name: str, host: Host, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    assert (await host.run("pwd -P", directory=name)).stdout.decode().endswith(f"/{name}\n")


async def test_an_absolute_directory_is_one(host: Host) -> None:
    assert (await host.run("pwd", directory="/")).stdout == b"/\n"


ODD_VALUES = ["", " ", "a\nb\n", "'\"`$(id)\\", "é\u20ac\U0001f600", "=", "x" * 100_000, "\x01\x7f"]


@pytest.mark.parametrize("value", ODD_VALUES)
async def test_variables_arrive_as_they_are(value: str, host: Host) -> None:
    result = await host.run('printf %s "$V"', environment={"V": value})
    assert result.stdout.decode() == value


async def test_the_environment_is_inherited_and_the_commands_own_wins(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEPT", "inherited")
    monkeypatch.setenv("CHANGED", "inherited")
    host = hosts.make()
    result = await host.run('echo "$KEPT $CHANGED"', environment={"CHANGED": "own"})
    assert result.stdout == b"inherited own\n"


async def test_inherited_bytes_that_are_no_text_survive(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAW", os.fsdecode(b"\xff\xfe"))
    host = hosts.make()
    assert (await host.run('printf %s "$RAW"')).stdout == b"\xff\xfe"


async def test_the_marker_names_run_command_and_target(host: Host) -> None:
    result = await host.run('echo "$GPLMT_COMMAND_ID"')
    assert result.stdout.decode() == f"{host.token}-s1.1/n1\n"


async def test_a_command_is_alone_in_its_session_with_three_descriptors(host: Host) -> None:
    result = await host.run('echo $$; cut -d " " -f 5,6 /proc/$$/stat; ls /proc/$$/fd')
    pid, ids, *descriptors = result.stdout.decode().split("\n")
    assert ids == f"{pid} {pid}"
    assert set(descriptors) <= {"0", "1", "2", "10", ""}  # 10 is a shell's own


async def test_signals_are_not_ignored_in_a_command(host: Host) -> None:
    result = await host.run("grep SigIgn /proc/self/status")
    assert int(result.stdout.split()[1], 16) == 0


async def test_a_command_gets_the_descriptor_limit_that_was_asked_for(hosts: Hosts) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = min(soft, hard, 1024) - 1
    host = hosts.make(descriptor_limit=limit)
    assert (await host.run("sleep 0.01; ulimit -S -n")).stdout.decode() == f"{limit}\n"
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)


TEXTS = [
    "printf '%s' 'é€😀 \t\"'",
    "cat <<'EOF'\n$x `y` \\\nEOF",
    "echo a\necho b # comment\n\n",
    "# only a comment",
    "",
    "\n \t\n",
    "echo \\\n  joined",
    "-n() { echo function; }; -n 2>&1 || true",
]


@pytest.mark.parametrize("text", TEXTS)
async def test_a_text_means_what_it_means_to_a_shell(text: str, host: Host) -> None:
    shell = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", text, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    stdout, stderr = await shell.communicate()
    result = await host.run(text)
    assert (result.returncode, result.stdout, result.stderr) == (shell.returncode, stdout, stderr)


LONG = ": " + "x" * 200_000 + "\n"


@pytest.mark.parametrize("text", [*TEXTS, "echo $0 $# $LINENO", "exit 3", "kill -9 $$", "cat"])
async def test_a_long_text_means_the_same_as_a_short_one(text: str, host: Host) -> None:
    short, long = await host.run(f"\n{text}"), await host.run(LONG + text)
    assert (long.returncode, long.stdout) == (short.returncode, short.stdout)
    assert long.stderr.replace(b"/dev/stdin: ", b"") == short.stderr


@pytest.mark.parametrize("mebibytes", [1, 20])
async def test_a_text_may_be_of_any_length(mebibytes: int, host: Host, tmp_path: Path) -> None:
    line = "n=$((n+1)) # " + "é" * 5000 + "\n"
    lines = mebibytes * MEBIBYTE // len(line.encode()) + 1
    (tmp_path / "in").write_bytes(b"from stdin")
    result = await host.run(line * lines + "echo $n; cat", stdin=tmp_path / "in")
    assert result.stdout == f"{lines}\nfrom stdin".encode()


async def test_a_long_text_leaves_no_file(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    result = await host.run(f"{LONG} ls /proc/$$/fd; ls")
    assert {b"3", b"4", b"5"}.isdisjoint(result.stdout.split())
    assert (await host.run("ls -A")).stdout == b""


async def test_a_missing_directory_is_named(host: Host, tmp_path: Path) -> None:
    expected = f"in directory '{tmp_path}/missing': no such file or directory"
    with pytest.raises(LaunchError, match=expected):
        await host.run("true", directory="missing")


async def test_a_file_is_no_directory(host: Host, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LaunchError, match="file': not a directory"):
        await host.run("true", directory="file")


async def test_a_missing_stdin_is_named(host: Host, tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=f"'{tmp_path}/missing': no such file"):
        await host.run("true", stdin=tmp_path / "missing")


async def test_a_directory_is_no_stdin(host: Host, tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=f"'{tmp_path}': is a directory"):
        await host.run("true", stdin=tmp_path)


async def test_an_environment_that_is_too_large_is_explained(host: Host) -> None:
    with pytest.raises(LaunchError, match="too large; the longest variable, BIG, has 200000 bytes"):
        await host.run("true", environment={"BIG": "x" * 200_000})


async def test_what_could_not_start_closes_its_sinks_and_keeps_no_descriptor(
    host: Host, tmp_path: Path
) -> None:
    await host.run("true")
    before = open_descriptors()
    executions = [
        host.begin("true", directory="missing"),
        host.begin("true", stdin=tmp_path / "missing"),
        host.begin("true", stdin=tmp_path),
        host.begin("true", environment={"BIG": "x" * 200_000}, leave_running=True),
        host.begin(LONG, directory="missing"),
    ]
    for execution in executions:
        with pytest.raises(LaunchError):
            await execution.returncode()
        assert (execution.stdout.closed, execution.stderr.closed) == (1, 1)
    assert open_descriptors() == before


async def test_running_out_of_descriptors_is_an_error_of_the_command_alone(host: Host) -> None:
    await host.run("true")
    before = open_descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        for spare in range(1, 7):
            lowest_free = _lowest_free_descriptors(spare)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
            with pytest.raises(LaunchError, match="too many open files"):
                await host.run("true")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert open_descriptors() == before
    assert (await host.run("true")).returncode == 0


async def test_the_end_is_seen_without_a_descriptor_for_the_process(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert (await host.run("sleep 0.1; exit 7")).returncode == 7


async def test_a_thousand_commands_keep_no_descriptor(host: Host) -> None:
    await host.run("true")
    before = open_descriptors()
    for _ in range(40):
        executions = [host.begin("echo x") for _ in range(25)]
        for execution in executions:
            assert await execution.returncode() == 0
            assert execution.stdout.data == b"x\n"
    assert open_descriptors() == before


async def test_two_hundred_commands_run_at_once(host: Host, tmp_path: Path) -> None:
    text = "echo x >>started; while [ ! -e go ]; do sleep 0.2; done; echo $N"
    executions = [host.begin(text, environment={"N": str(number)}) for number in range(200)]
    started = tmp_path / "started"
    while not started.exists() or started.stat().st_size < 2 * 200:
        assert (await host.run("sleep 0.02")).returncode == 0
    (tmp_path / "go").touch()
    for number, execution in enumerate(executions):
        assert await execution.returncode() == 0
        assert execution.stdout.data == f"{number}\n".encode()


def test_a_status_is_as_in_subprocess() -> None:
    assert Completed(returncode=-9).signal == 9


def _lowest_free_descriptors(spare: int) -> int:
    """The limit under which `spare` descriptors can still be opened."""
    used = {int(name) for name in open_descriptors()}
    free = (number for number in range(sys.maxsize) if number not in used)
    return [next(free) for _ in range(spare)][-1] + 1
