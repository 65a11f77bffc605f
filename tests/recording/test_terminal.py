from __future__ import annotations

import asyncio
import fcntl
import os
import re
import signal
import termios
import threading
from collections.abc import Iterator
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gplmt.recording.terminal import LONGEST_LINE, Terminal
from gplmt.recording.writer import Writer

MIB = 1024 * 1024


class Pipe:
    """A pipe that a terminal writes to; `text` closes our end of it and gives all that came."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def text(self) -> bytes:
        os.close(self.writing)
        self.writing = -1
        return b"".join(iter(lambda: os.read(self.reading, MIB), b""))

    def close(self) -> None:
        for descriptor in (self.reading, self.writing):
            if descriptor >= 0:
                os.close(descriptor)


class Reader(threading.Thread):
    """Reads a pipe to its end, from when it is started."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self._pipe = pipe
        self.text = b""

    def run(self) -> None:
        self.text = b"".join(iter(lambda: os.read(self._pipe.reading, MIB), b""))

    def finish(self) -> bytes:
        os.close(self._pipe.writing)
        self._pipe.writing = -1
        self.join()
        return self.text


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


@pytest.fixture
def other_pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    yield
    for thread in threading.enumerate():
        if thread.name == "gplmt terminal":
            thread.join(timeout=10)
            assert not thread.is_alive()


def _show(*chunks: bytes, target: str = "n1") -> bytes:
    pipe = Pipe()
    terminal = Terminal(stdout=pipe.writing, stderr=None)
    reader = Reader(pipe)
    reader.start()
    stream = terminal.stdout_of(target)
    assert stream is not None
    for chunk in chunks:
        stream.write(chunk)
    stream.close()
    assert terminal.close()
    text = reader.finish()
    pipe.close()
    return text


def test_each_line_says_which_target_it_is_from() -> None:
    assert _show(b"one\ntwo\n\nfour\n") == b"n1 | one\nn1 | two\nn1 | \nn1 | four\n"


def test_a_line_that_comes_in_parts_is_shown_whole() -> None:
    assert _show(b"o", b"ne\nt", b"wo", b"\n") == b"n1 | one\nn1 | two\n"


def test_a_last_line_without_newline_gets_one() -> None:
    assert _show(b"one\ntwo") == b"n1 | one\nn1 | two\n"


def test_a_stream_without_output_shows_nothing() -> None:
    assert _show(b"", b"") == b""


def test_bytes_stay_as_they_are() -> None:
    line = bytes(set(range(256)) - {10})
    assert _show(line + b"\n") == b"n1 | " + line + b"\n"


def test_lines_over_64_kib_are_cut_into_pieces() -> None:
    shown = _show(b"x" * (2 * LONGEST_LINE) + b"\n" + b"y" * (LONGEST_LINE + 1))
    assert [len(line) - len("n1 | ") for line in shown.splitlines()] == [
        LONGEST_LINE,
        LONGEST_LINE,
        LONGEST_LINE,
        1,
    ]
    assert re.sub(rb"n1 \| |\n", b"", shown) == b"x" * 2 * LONGEST_LINE + b"y" * (LONGEST_LINE + 1)


def test_a_line_of_just_64_kib_whose_newline_comes_late_is_one_line() -> None:
    assert _show(b"x" * LONGEST_LINE, b"\n", b"y" * 2 * LONGEST_LINE, b"\n").count(b"\n") == 3


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda line, times: line * times,
            st.binary(max_size=6) | st.sampled_from([b"\n", b"a\n"]),
            st.sampled_from([1, 1, 1, 2, LONGEST_LINE // 2, LONGEST_LINE]),
        ),
        max_size=6,
    )
)
def test_it_does_not_matter_how_output_is_cut_into_chunks(chunks: list[bytes]) -> None:
    text = b"".join(chunks)
    expected = b"".join(
        b"n1 | " + line[start : start + LONGEST_LINE] + b"\n"
        for line in text.removesuffix(b"\n").split(b"\n")
        for start in range(0, len(line) or 1, LONGEST_LINE)
    )
    assert _show(*chunks) == (expected if text else b"")


def test_stdout_and_stderr_go_their_own_ways(pipe: Pipe, other_pipe: Pipe) -> None:
    terminal = Terminal(stdout=pipe.writing, stderr=other_pipe.writing)
    stdout, stderr = terminal.stdout_of("n1"), terminal.stderr_of("n1")
    assert stdout is not None
    assert stderr is not None
    stdout.write(b"out\n")
    stderr.write(b"err\n")
    terminal.message("lab.xml:1: warning: hm")
    assert terminal.close()
    assert pipe.text() == b"n1 | out\n"
    assert other_pipe.text() == b"n1 | err\nlab.xml:1: warning: hm\n"


def test_lines_of_many_streams_and_messages_never_mix() -> None:
    controller, terminal_side = os.openpty()  # one terminal, as a person has it
    settings = termios.tcgetattr(terminal_side)
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(terminal_side, termios.TCSANOW, settings)
    terminal = Terminal(stdout=terminal_side, stderr=terminal_side)
    streams = [terminal.stdout_of(f"n{i}") for i in range(20)]
    streams += [terminal.stderr_of(f"n{i}") for i in range(20)]
    expected = 40 * 75 + 50
    lines: list[bytes] = []

    def read() -> None:
        text = b""
        while text.count(b"\n") < expected:
            text += os.read(controller, MIB)
        lines.extend(text.splitlines())

    reader = threading.Thread(target=read)
    reader.start()
    for round_ in range(50):
        terminal.message("a message")
        for stream in streams:
            assert stream is not None
            stream.write(b"begin " + b"-" * 50)
            stream.write(b" end\n" if round_ % 2 else b" end\nbegin " + b"-" * 50 + b" end\n")
    assert terminal.close()
    reader.join()
    assert all(re.fullmatch(rb"n\d+ \| begin -{50} end|a message", line) for line in lines)
    os.close(terminal_side)
    os.close(controller)


async def test_a_reader_that_is_slow_pauses_the_command_and_loses_nothing(pipe: Pipe) -> None:
    terminal = Terminal(stdout=pipe.writing, stderr=None)
    stream = terminal.stdout_of("n1")
    assert stream is not None
    chunk, count = b"x" * 63 + b"\n", 0
    while stream.write(chunk * 1024):  # nobody reads
        count += 1
        assert count < 40, "the queue has no bound"
    ready = asyncio.Event()
    stream.on_ready(ready.set)
    await asyncio.sleep(0)
    assert not ready.is_set()
    reader = Reader(pipe)
    reader.start()
    await ready.wait()
    assert terminal.close()
    assert reader.finish() == (b"n1 | " + chunk) * 1024 * (count + 1)


def test_a_blocked_stdout_does_not_hide_messages(pipe: Pipe, other_pipe: Pipe) -> None:
    # `gplmt run lab.xml | less`, nobody paging
    terminal = Terminal(stdout=pipe.writing, stderr=other_pipe.writing)
    stream = terminal.stdout_of("n1")
    assert stream is not None
    stream.write(b"x\n" * MIB)
    terminal.message("ending")
    assert os.read(other_pipe.reading, 100) == b"ending\n"
    terminal.abandon()
    assert not terminal.close()
    os.close(pipe.reading)
    pipe.reading = -1


async def test_on_ready_fires_at_once_where_there_is_room(pipe: Pipe) -> None:
    terminal = Terminal(stdout=pipe.writing, stderr=None)
    stream = terminal.stdout_of("n1")
    assert stream is not None
    ready = asyncio.Event()
    stream.on_ready(ready.set)
    await ready.wait()
    assert terminal.close()


async def test_a_reader_that_has_gone_ends_the_showing_but_nothing_else(
    pipe: Pipe, other_pipe: Pipe
) -> None:
    os.close(pipe.reading)
    pipe.reading = -1
    terminal = Terminal(stdout=pipe.writing, stderr=other_pipe.writing)
    stream = terminal.stdout_of("n1")
    assert stream is not None
    ready = asyncio.Event()
    if not stream.write(b"x\n" * MIB):
        stream.on_ready(ready.set)
        await ready.wait()
    assert all(stream.write(b"y\n" * MIB) for _ in range(5))
    stream.close()
    terminal.message("still here")
    assert terminal.close()
    assert other_pipe.text() == b"still here\n"


def test_output_that_cannot_be_shown_is_told_once_on_stderr(other_pipe: Pipe) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    terminal = Terminal(stdout=full, stderr=other_pipe.writing)
    stream = terminal.stdout_of("n1")
    assert stream is not None
    for _ in range(3):
        stream.write(b"x\n")
    assert terminal.close()
    os.close(full)
    assert other_pipe.text() == (
        b"cannot show output: no space left on device; it is still logged\n"
    )


def test_a_pipe_that_somebody_made_non_blocking_gets_everything(pipe: Pipe) -> None:
    fcntl.fcntl(pipe.writing, fcntl.F_SETFL, os.O_NONBLOCK)
    terminal = Terminal(stdout=None, stderr=pipe.writing)
    for _ in range(4):
        terminal.message("x" * 100_000)
    reader = Reader(pipe)
    reader.start()
    assert terminal.close()
    assert reader.finish() == (b"x" * 100_000 + b"\n") * 4


def test_without_a_standard_stream_there_is_nothing_to_show() -> None:
    terminal = Terminal(stdout=None, stderr=None)
    assert terminal.stdout_of("n1") is None
    assert terminal.stderr_of("n1") is None
    terminal.message("nobody hears this")
    assert terminal.close()


def test_what_is_said_after_closing_is_shown_by_closing_again(pipe: Pipe) -> None:
    terminal = Terminal(stdout=None, stderr=pipe.writing)
    terminal.message("one")
    assert terminal.close()
    terminal.message("two")
    assert terminal.close()
    assert pipe.text() == b"one\ntwo\n"


def _interrupt_once_waiting(_number: int, frame: FrameType | None) -> None:
    """Be the Ctrl-C of somebody who sees that gplmt does not return."""
    while frame is not None:
        if frame.f_code is Writer.close.__code__:
            raise KeyboardInterrupt
        frame = frame.f_back
    signal.setitimer(signal.ITIMER_REAL, 0.01)


def test_ctrl_c_ends_the_waiting_for_a_blocked_reader(pipe: Pipe) -> None:
    terminal = Terminal(stdout=None, stderr=pipe.writing)
    terminal.message("x" * MIB)
    handler = signal.signal(signal.SIGALRM, _interrupt_once_waiting)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        assert not terminal.close()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    os.close(pipe.reading)  # lets the thread go
    pipe.reading = -1


async def test_abandoning_lets_all_go_on(pipe: Pipe) -> None:
    terminal = Terminal(stdout=pipe.writing, stderr=None)
    stream = terminal.stdout_of("n1")
    assert stream is not None
    assert not stream.write(b"x\n" * MIB)
    ready = asyncio.Event()
    stream.on_ready(ready.set)
    terminal.abandon()
    await ready.wait()
    assert stream.write(b"x\n" * MIB)
    assert not terminal.close()
    os.close(pipe.reading)
    pipe.reading = -1


def test_a_waiting_command_whose_loop_has_ended_is_forgotten(pipe: Pipe) -> None:
    terminal = Terminal(stdout=pipe.writing, stderr=None)

    async def wait() -> None:
        stream = terminal.stdout_of("n1")
        assert stream is not None
        assert not stream.write(b"x\n" * MIB)
        stream.on_ready(lambda: None)

    asyncio.run(wait())
    reader = Reader(pipe)
    reader.start()
    assert terminal.close()
    assert len(reader.finish()) == len(b"n1 | x\n") * MIB


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_thread_that_has_died() -> None:
    def fail(_descriptor: int, error: OSError) -> None:
        raise error

    full = os.open("/dev/full", os.O_WRONLY)
    writer = Writer(fail)
    writer.put(full, b"x")
    assert not writer.close()
    os.close(full)
