"""What a person sees while an experiment runs: output as `TARGET | line`, and our messages."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from errno import EPIPE

from gplmt.recording.faults import in_words
from gplmt.recording.footer import Footer, FooterLine
from gplmt.recording.writer import Writer

# A closed one (`>&-`) was noticed when Python started; by now its number is some other file's.
_STDOUT = None if sys.__stdout__ is None else 1
_STDERR = None if sys.__stderr__ is None else 2
LONGEST_LINE = 64 * 1024
_LONG_LINES = re.compile(rb"^[^\n]{%d,}" % (LONGEST_LINE + 1), re.MULTILINE)


class Terminal:
    """The two standard streams: whole lines only, in the order in which they came.

    `stdout` and `stderr` are descriptors, None where there is none.  A reader that is slow makes
    the shown commands wait, one that has gone (`| head`) ends the showing.  Both streams share a
    queue where they lead to the same file, a person's terminal most often; else none waits for the
    other.
    """

    def __init__(self, *, stdout: int | None = _STDOUT, stderr: int | None = _STDERR) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._out = Writer(self._report, is_for_people=_is_terminal(stdout))
        self._err = self._out
        if not _are_same(stdout, stderr):
            self._err = Writer(self._report, is_for_people=_is_terminal(stderr))
        self._footer: Footer | None = None
        self._is_closed = False

    def stdout_of(self, target: str) -> LineStream | None:
        """Where to show what a command on this target writes to its stdout."""
        return None if self._stdout is None else LineStream(self._out, self._stdout, target)

    def stderr_of(self, target: str) -> LineStream | None:
        """Where to show what a command on this target writes to its stderr."""
        return None if self._stderr is None else LineStream(self._err, self._stderr, target)

    def message(self, text: str) -> None:
        """Say something of our own on stderr: whole lines, never inside one of a command."""
        if self._stderr is not None:
            self._err.put(self._stderr, f"{text}\n".encode("utf-8", "surrogateescape"))

    @property
    def screen(self) -> int | None:
        """The descriptor of a terminal that takes messages and a footer, where there is one."""
        return self._stderr if _is_terminal(self._stderr) else None

    def show_footer(self, lines: Sequence[FooterLine]) -> None:
        """Have these lines stay below everything else on the screen; none takes them away."""
        if self._stderr is None or self._is_closed:
            return
        if self._footer is None:
            self._footer = Footer(self._stderr)
            self._err.frame = self._footer.around
        self._footer.set(lines)
        if not self._err.has_pending:  # else it is drawn with what is written next
            self._err.put(self._stderr, b"")

    def forget_footer(self) -> None:
        """Do not erase what may have been scrolled away while we were stopped."""
        if self._footer is not None:
            self._footer.forget()

    def close(self) -> bool:
        """Wait until everything is shown; False if Ctrl-C or `abandon` cut that short.

        Blocks, so only after the event loop has ended and its signal handlers are gone.
        """
        if self._footer is not None:
            self.show_footer(())
        self._is_closed = True
        self._err.close()  # a blocked stdout must not hide our messages
        all_output = self._out.close()
        return self._err.close() and all_output  # again: a fault of stdout is told there

    def abandon(self) -> None:
        """Show nothing any more, and let `close` return; may be called by a signal handler."""
        self._err.abandon()
        self._out.abandon()

    def _report(self, descriptor: int, error: OSError) -> None:
        if error.errno != EPIPE and descriptor != self._stderr:
            self.message(f"cannot show output: {in_words(error)}; it is still logged")


def _is_terminal(descriptor: int | None) -> bool:
    return descriptor is not None and os.isatty(descriptor)


def _are_same(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return False
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False


class LineStream:
    """Shows one output stream of one command; an `OutputSink` that never fails."""

    def __init__(self, writer: Writer, descriptor: int, target: str) -> None:
        self._writer = writer
        self._descriptor = descriptor
        self._prefix = f"{target} | ".encode()
        self._partial = bytearray()  # the line so far, at most LONGEST_LINE

    def write(self, data: bytes) -> bool:
        """Show the lines that are whole now; bytes stay as they are.

        A line longer than 64 KiB is shown in pieces of that length, each as a line.
        """
        if not self._writer.takes(self._descriptor):
            return True
        self._partial += data
        end = self._partial.rfind(b"\n") + 1
        if not end and len(self._partial) <= LONGEST_LINE:
            return True
        lines = bytes(self._partial[:end])
        del self._partial[:end]
        return self._show(lines + self._cut())

    def on_ready(self, callback: Callable[[], None]) -> None:
        """Call back on the event loop once the terminal has caught up."""
        self._writer.call_when_ready(callback)

    def close(self) -> None:
        """Show a last line that has no newline, with one."""
        if self._partial:
            self._show(bytes(self._partial) + b"\n")
            self._partial.clear()

    def _cut(self) -> bytes:
        """Take from the partial line as much as must not wait for its end."""
        end = (len(self._partial) - 1) // LONGEST_LINE * LONGEST_LINE
        if end <= 0:
            return b""
        pieces = bytes(self._partial[:end]) + b"\n"
        del self._partial[:end]
        return pieces

    def _show(self, lines: bytes) -> bool:
        """Put the target before each line; all in one go, as lines by the million come here."""
        if len(lines) > LONGEST_LINE:
            lines = _LONG_LINES.sub(_in_pieces, lines)
        prefixed = self._prefix + lines[:-1].replace(b"\n", b"\n" + self._prefix) + b"\n"
        return self._writer.put(self._descriptor, prefixed)


def _in_pieces(line: re.Match[bytes]) -> bytes:
    starts = range(0, len(line[0]), LONGEST_LINE)
    return b"\n".join([line[0][start : start + LONGEST_LINE] for start in starts])
