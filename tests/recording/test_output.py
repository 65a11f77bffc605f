from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from gplmt.commands import LogPaths
from gplmt.errors import LogError
from gplmt.protocols import OutputLogs, OutputSink
from gplmt.recording.logs import Log, LogFiles
from gplmt.recording.output import CommandOutput
from gplmt.recording.terminal import Terminal


def _paths(logs: OutputLogs) -> LogPaths:
    return logs.assign(target="n1", tasklist="t", task="run-1")


def _close(*sinks: OutputSink) -> None:
    for sink in sinks:
        sink.close()


def test_output_is_logged_unchanged_and_shown_in_lines(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    terminal = Terminal(stdout=writing, stderr=writing)
    logs = CommandOutput(LogFiles(tmp_path), terminal)
    paths = _paths(logs)
    stdout, stderr = logs.open(paths, target="n1")
    assert stdout.write(b"one\ntwo")
    assert stderr.write(b"oops\n")
    _close(stdout, stderr)
    assert terminal.close()
    os.close(writing)
    assert (tmp_path / paths.stdout).read_bytes() == b"one\ntwo"
    assert (tmp_path / paths.stderr).read_bytes() == b"oops\n"
    assert os.read(reading, 1000) == b"n1 | one\nn1 | oops\nn1 | two\n"
    os.close(reading)


def test_quiet_output_goes_to_the_log_files_alone(tmp_path: Path) -> None:
    logs = CommandOutput(LogFiles(tmp_path))
    sinks = logs.open(_paths(logs), target="n1")
    assert [type(sink) for sink in sinks] == [Log, Log]
    _close(*sinks)


def test_a_closed_standard_stream_leaves_the_log(tmp_path: Path) -> None:
    logs = CommandOutput(LogFiles(tmp_path), Terminal(stdout=None, stderr=None))
    sinks = logs.open(_paths(logs), target="n1")
    assert all(sink.write(b"x\n") for sink in sinks)
    _close(*sinks)


def test_a_log_that_takes_no_more_is_an_error_though_the_terminal_would(tmp_path: Path) -> None:
    paths = LogPaths(stdout="logs/n1/1.out", stderr="logs/n1/1.err")
    (tmp_path / "logs/n1").mkdir(parents=True)
    (tmp_path / paths.stdout).symlink_to("/dev/full")
    sinks = CommandOutput(LogFiles(tmp_path), Terminal()).open(paths, target="n1")
    with pytest.raises(LogError, match=r"cannot write logs/n1/1\.out: no space"):
        sinks[0].write(b"x\n")
    _close(*sinks)


async def test_a_log_alone_is_ready_at_once(tmp_path: Path) -> None:
    logs = CommandOutput(LogFiles(tmp_path))
    stdout, stderr = logs.open(_paths(logs), target="n1")
    ready = asyncio.Event()
    stdout.on_ready(ready.set)
    await ready.wait()
    _close(stdout, stderr)
