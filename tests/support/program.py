"""The real program, run as a user runs it: processes, signals, files, and what remains."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TypedDict, Unpack

import pytest

from tests.support.processes import marked_by

ROOT = Path(__file__).parent.parent.parent
LIGHT = (sys.executable, str(ROOT / "gplmt-light.py"))
GPLMT = (sys.executable, "-m", "gplmt")
LONGEST_SECONDS = 30.0
_ABSENT = Path(__file__).parent / "absent"  # hides what only developers have installed
_PYTHON_PATH = os.pathsep.join([str(_ABSENT), str(ROOT)])

Fields = dict[str, object]


def without_privileges() -> tuple[str, ...]:
    """Before a program's words: has file permissions count, for root too."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("FILE PERMISSIONS NOT TESTED: root passes them, and there is no setpriv")
    return ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")


class Circumstances(TypedDict, total=False):
    """How a program is started; `ignored` are signals that it finds ignored."""

    program: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    stdout: IO[bytes] | int
    stderr: IO[bytes] | int
    ignored: Sequence[int]


def document(
    *, steps: str, tasklists: str, targets: str = "n1", root: str = "", environment: str = ""
) -> str:
    """An experiment with local targets of these names; `root` are attributes."""
    elements = " ".join(f'<target name="{name}" type="local"/>' for name in targets.split())
    return (
        f"<experiment {root}>\n<targets>{environment}{elements}</targets>\n"
        f"<tasklists>{tasklists}</tasklists>\n<steps>{steps}</steps>\n</experiment>\n"
    )


def one(tasks: str, *, targets: str = "n1", attributes: str = "") -> str:
    """An experiment of one step with these tasks."""
    return document(
        targets=targets,
        tasklists=f'<tasklist name="t">{tasks}</tasklist>',
        steps=f'<step tasklist="t" targets="{targets}" {attributes}/>',
    )


def until(condition: Callable[[], object], *, seconds: float = LONGEST_SECONDS) -> None:
    """Look again and again until the condition holds; fail if that takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)


class Running:
    """The program, started; what it writes goes to files, so it never waits for us."""

    def __init__(self, process: subprocess.Popen[bytes], scratch: Path, number: int) -> None:
        self.process = process
        self.pid = process.pid
        self.file = ""
        self.work = scratch / "work"
        self.run_directories = scratch / f"runs-{number}"
        self.output = scratch / f"stdout-{number}"
        self.messages = scratch / f"stderr-{number}"

    @property
    def stdout(self) -> str:
        """What it wrote to its stdout so far."""
        return self.output.read_bytes().decode(errors="replace")

    @property
    def stderr(self) -> str:
        """What it wrote to its stderr so far."""
        return self.messages.read_bytes().decode(errors="replace")

    @property
    def lines(self) -> list[str]:
        """The lines on stdout so far."""
        return self.stdout.splitlines()

    @property
    def exit_code(self) -> int:
        """As a shell sees it; the program has ended."""
        code = self.process.returncode
        return code if code >= 0 else 128 - code

    @property
    def run_directory(self) -> Path:
        """The directory of the run."""
        return (self.run_directories / "latest").resolve()

    @property
    def has_run_directory(self) -> bool:
        """Whether anything was made where run directories go."""
        return self.run_directories.exists()

    @property
    def events(self) -> list[Fields]:
        """The record so far."""
        file = self.run_directory / "events.jsonl"
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def of_kind(self, *kinds: str) -> list[Fields]:
        """The events of these kinds so far."""
        return [event for event in self.events if event["kind"] in kinds]

    def wait(self, seconds: float = LONGEST_SECONDS) -> Running:
        """Wait for the end."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            seen = f"--- stdout\n{self.stdout[-2000:]}--- stderr\n{self.stderr[-2000:]}"
            raise AssertionError(f"still running after {seconds} s\n{seen}") from None
        return self

    def until_shown(self, text: str) -> Running:
        """Wait until a line on stdout or stderr has this text; it may end meanwhile."""
        until(lambda: text in self.stdout or text in self.stderr or self._has_ended())
        assert text in self.stdout + self.stderr, self.stderr
        return self

    def until_there(self, name: str) -> Running:
        """Wait until a command has made this file in the working directory."""
        until(lambda: (self.work / name).exists() or self._has_ended())
        assert (self.work / name).exists(), self.stderr
        return self

    def send(self, *signals: int) -> Running:
        """Send signals to the program alone; nobody takes them if it has ended."""
        for number in signals:
            self.process.send_signal(number)
        return self

    def survivors(self) -> dict[int, str]:
        """Live processes of the run's commands: those with its variables."""
        return marked_by(f"GPLMT_RUN_DIR={self.run_directory}\0")

    def guards(self) -> list[int]:
        """The processes that would clean up if the program died; it lives."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"gplmt-guard" in _command_line(pid)]

    def memory_kib(self) -> int:
        """The most memory it has had, so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])

    def descriptor_count(self) -> int:
        """How many descriptors it has open now."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208 (counts, no paths needed)

    def thread_count(self) -> int:
        """How many threads it has now."""
        return len(os.listdir(f"/proc/{self.pid}/task"))  # noqa: PTH208

    def _has_ended(self) -> bool:
        return self.process.poll() is not None


class Program:
    """Runs of one test, with a working directory and run directories below `scratch`.

    Nothing that they started outlives it as a context.
    """

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.work = scratch / "work"
        self.work.mkdir(parents=True)
        self._runs: list[Running] = []

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing running; what the guard does not stop in time is killed."""
        for running in self._runs:
            if running.process.poll() is None:
                running.process.kill()
                running.process.wait()
            for pid in running.survivors() if running.has_run_directory else ():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def write(self, text: str | bytes, name: str = "experiment.xml") -> Path:
        """A file beside the working directory."""
        path = self.scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def start(self, text: str, *options: str, **how: Unpack[Circumstances]) -> Running:
        """Start a run of the document `text`."""
        file = self.write(text, f"experiment-{len(self._runs) + 1}.xml")
        return self.start_file(file, *options, **how)

    def run(self, text: str, *options: str, **how: Unpack[Circumstances]) -> Running:
        """Run the document `text` to its end."""
        return self.start(text, *options, **how).wait()

    def start_file(self, file: Path | str, *options: str, **how: Unpack[Circumstances]) -> Running:
        """Start a run of a file, in directories of its own."""
        runs = self.scratch / f"runs-{len(self._runs) + 1}"
        words = (str(file), "-C", str(self.work), "--logroot-dir", str(runs), *options)
        running = self.call(*words, **how)
        running.file = str(file)
        return running

    def call(self, *words: str, **how: Unpack[Circumstances]) -> Running:
        """Start the program with exactly these words."""
        number = len(self._runs) + 1
        with (
            (self.scratch / f"stdout-{number}").open("wb") as output,
            (self.scratch / f"stderr-{number}").open("wb") as messages,
        ):
            process = subprocess.Popen(  # noqa: S603
                [*how.get("program", LIGHT), *words],
                stdin=subprocess.DEVNULL,
                stdout=how.get("stdout", output),
                stderr=how.get("stderr", messages),
                cwd=how.get("cwd", self.scratch),
                env={**os.environ, "PYTHONPATH": _PYTHON_PATH, **how.get("environment", {})},
                start_new_session=True,
                preexec_fn=lambda: _set_signals(how.get("ignored", ())),
            )
        running = Running(process, self.scratch, number)
        self._runs.append(running)
        return running


def _set_signals(ignored: Sequence[int]) -> None:
    """Start as from a shell that somebody types at, however the tests were started."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)


def _command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
