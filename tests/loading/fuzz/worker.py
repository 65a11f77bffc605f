"""Loads documents in a process of its own, and tells what that cost and which files it opened.

Started as `python -m tests.loading.fuzz.worker` in the directory of the documents.  Each line on
stdin names one; each line on stdout is what `gplmt check` and `gplmt plan` said of it, and whether
what was loaded can be rendered and loaded again, as JSON.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

from gplmt.cli.commands import call_gplmt
from tests.loading.fuzz.faithful import unfaithfulness

MAX_ADDRESS_SPACE = 3 << 30  # bytes; what needs more ends in a MemoryError
_WATCHED = (
    "open",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "os.chmod",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "pty.spawn",
    "socket.",
    "subprocess.Popen",
    "urllib.Request",
)
FOR_WRITING = "FOR WRITING:"
_seen: list[tuple[str, str]] = []
_is_watching = False


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _is_watching and event.startswith(_WATCHED):
        _seen.append((event, _shown(event, arguments)))


def _shown(event: str, arguments: tuple[object, ...]) -> str:
    """A file that is opened for reading by its name; anything else in full."""
    if event != "open":
        return repr(arguments)
    path, mode, flags = arguments
    is_written = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    name = os.fsdecode(path) if isinstance(path, str | bytes) else str(path)
    is_harmless = name == os.devnull  # which takes the place of closed standard streams
    return f"{FOR_WRITING} {name}, {mode}" if is_written and not is_harmless else name


def _called(*words: str) -> dict[str, object]:
    """What a command says, and its exit code; a traceback is its end, else empty."""
    output, messages = io.StringIO(), io.StringIO()
    code, trace = -1, ""
    with redirect_stdout(output), redirect_stderr(messages):
        try:
            code = call_gplmt(words)
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else -1
        except BaseException:  # noqa: BLE001 (that there is none is what the tests are about)
            trace = traceback.format_exc()[-3000:]
    return {
        "code": code,
        "stdout": output.getvalue(),
        "stderr": messages.getvalue(),
        "traceback": trace,
    }


def _memory() -> int:
    """The most memory that this process has had since it was last asked, in bytes."""
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) << 10
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak


def _measured(call: Callable[[], dict[str, object]]) -> dict[str, object]:
    global _is_watching
    _memory()
    before = _memory()
    started = time.process_time()
    _is_watching = True
    try:
        answer = call()
    finally:
        _is_watching = False
    seconds = time.process_time() - started
    return {**answer, "seconds": seconds, "bytes": _memory() - before}


def _answer(file: str, *, is_thorough: bool) -> dict[str, object]:
    _seen.clear()
    checked = _measured(lambda: _called("check", file))
    planned = _measured(lambda: _called("plan", file))
    seen = sorted(set(_seen))
    unfaithful = ""
    if is_thorough and checked["code"] == 0:
        try:
            unfaithful = unfaithfulness(file)
        except Exception:  # noqa: BLE001 (as above)
            unfaithful = traceback.format_exc()[-3000:]
    return {"check": checked, "plan": planned, "seen": seen, "unfaithful": unfaithful}


def main() -> None:
    """Answer until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE, MAX_ADDRESS_SPACE))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.addaudithook(_watch)
    _called("check", "warming-up.xml")
    _called("plan", "warming-up.xml")
    for line in sys.stdin:
        asked = json.loads(line)
        os.environ["TZ"] = asked["zone"]
        time.tzset()
        answer = _answer(asked["file"], is_thorough=asked["is_thorough"])
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
