"""The wall clock of the execution host jumps, for gplmt and all that it starts (8.2, 8.3)."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from mmap import mmap
from pathlib import Path

import pytest
from msgspec.structs import replace

from gplmt.events import Event
from gplmt.recording.jsonl import read_events
from tests.faults.support import HERE, THERE, Case, Site, check_nothing_left
from tests.support.program import Running, document, until
from tests.support.record import check_record

HOUR = 3600
LOOKS_AGAIN_SECONDS = 30  # at the wall clock, while a step waits for it
BUSY_SECONDS = 15  # what a busy machine may add

# Adds the seconds that stand in a file to the wall clock, and leaves all other clocks alone.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile long *ahead;

__attribute__((constructor)) static void look(void) {
    int file = open(getenv("CLOCK_AHEAD"), O_RDONLY);
    void *place = mmap(0, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    if (place != MAP_FAILED) ahead = place;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME && ahead) now->tv_sec += *ahead;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    static int (*real)(struct timeval *restrict, void *restrict);
    if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
    int result = real(now, zone);
    if (ahead) now->tv_sec += *ahead;
    return result;
}

time_t time(time_t *where) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (where) *where = now.tv_sec;
    return now.tv_sec;
}
"""


class WallClock:
    """The wall clock of programs that have `environment`."""

    def __init__(self, directory: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("NO CLOCK JUMP TESTED: there is no cc here (Debian: gcc)")
        source, library = directory / "clock.c", directory / "clock.so"
        source.write_text(SHIM)
        words = (compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl")
        subprocess.run(words, check=True)  # noqa: S603
        file = directory / "ahead"
        file.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_AHEAD": str(file)}
        with file.open("r+b") as opened:
            self._ahead = mmap(opened.fileno(), 8)
        told = subprocess.run(["date", "+%s"], capture_output=True, env=self.environment)  # noqa: S607
        assert abs(int(told.stdout) - time.time()) < BUSY_SECONDS

    def jump_to(self, seconds_ahead: int) -> None:
        """Be so many seconds ahead of the real time from now on, or behind."""
        self._ahead[:] = seconds_ahead.to_bytes(8, "little", signed=True)

    def close(self) -> None:
        """Give the file back."""
        self._ahead.close()


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[WallClock]:
    """A wall clock that can jump."""
    clock = WallClock(tmp_path)
    yield clock
    clock.close()


def moment(seconds: float) -> str:
    """A wall-clock time from now, as a document has it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def check_end(case: Case, run: Running, *, exit_code: int) -> None:
    """All that started has finished, whatever times the record has."""
    assert run.wait().exit_code == exit_code, run.stderr
    events = [replace(event, time=datetime.min.replace(tzinfo=UTC)) for event in events_of(run)]
    check_record(events[1:])
    check_nothing_left(case)


def events_of(run: Running) -> list[Event]:
    return list(read_events(run.run_directory / "events.jsonl"))


@pytest.mark.parametrize(
    ("site", "hours"),
    [
        pytest.param(HERE, -30),
        pytest.param(HERE, 30, marks=pytest.mark.long),
        pytest.param(THERE, -30, marks=[pytest.mark.openssh, pytest.mark.long]),
        pytest.param(THERE, 30, marks=[pytest.mark.openssh, pytest.mark.long]),
    ],
    indirect=["site"],
)
def test_durations_do_not_depend_on_the_wall_clock(
    case: Case, clock: WallClock, site: Site, hours: int
) -> None:
    """Time limits, delays, leases and relative times; what a task took, too."""
    tasklists = """<tasklist name="t" cleanup="tidy" timeout="PT1.5S"><run>touch begun; sleep 1000
        </run></tasklist><tasklist name="tidy"><run timeout="PT10S">touch tidied</run></tasklist>
        <tasklist name="later"><run>touch later; sleep 1000</run></tasklist>"""
    run = case.start(
        f"""<experiment><targets>{site.target_xml("n1")}</targets><tasklists>{tasklists}</tasklists>
        <steps><step tasklist="t" targets="n1"/>
        <step tasklist="later" targets="n1" start_relative="PT0.5S" stop_relative="PT1S"/></steps>
        </experiment>""",
        *("--grace", "0.5", "--lease", "9"),
        environment=clock.environment,
    )
    until(lambda: (site.place / "begun").exists())
    clock.jump_to(hours * HOUR)
    check_end(case, run, exit_code=1)
    assert {file.name for file in site.place.iterdir()} >= {"begun", "tidied", "later"}
    times = [datetime.fromisoformat(str(event["time"])) for event in run.events]
    assert max(times) - min(times) > timedelta(hours=29)
    assert "ran over its timeout of 1.5 s" in run.stderr
    (task,) = [event for event in run.of_kind("RunFinished") if event["tasklist"] == "t"]
    assert 1.4 < float(str(task["seconds"])) < 2 + BUSY_SECONDS
    outcomes = {event["step"]: event["outcome"] for event in run.of_kind("StepFinished")}
    assert outcomes == {"step-1": "failed", "step-2": "stopped"}


@pytest.mark.long
def test_start_and_stop_times_follow_the_wall_clock_wherever_it_jumps(
    case: Case, clock: WallClock
) -> None:
    """Within half a minute; no start time comes twice, and none comes early."""
    tasklists = """<tasklist name="late"><run>touch late</run></tasklist>
        <tasklist name="stopped" cleanup="tidy"><run>touch begun; sleep 1000</run></tasklist>
        <tasklist name="tidy"><run>touch tidied</run></tasklist>"""
    steps = f"""<step tasklist="late" targets="n1" start_absolute="{moment(HOUR)}"/>
        <step tasklist="stopped" targets="n1" stop_absolute="{moment(HOUR)}"/>"""
    run = case.start(document(tasklists=tasklists, steps=steps), environment=clock.environment)
    run.until_there("begun")
    clock.jump_to(-2 * HOUR)
    time.sleep(2)  # it has looked at nothing yet, or has seen an earlier time
    assert {file.name for file in run.work.iterdir()} == {"begun"}
    clock.jump_to(2 * HOUR)
    until(lambda: (run.work / "late").exists(), seconds=LOOKS_AGAIN_SECONDS + BUSY_SECONDS)
    check_end(case, run, exit_code=0)
    assert (run.work / "tidied").exists()
    outcomes = {event["tasklist"]: event["outcome"] for event in run.of_kind("StepFinished")}
    assert outcomes == {"late": "ok", "stopped": "stopped"}
