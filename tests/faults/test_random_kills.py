"""gplmt is killed at random instants, again and again; `gplmt cleanup` leaves nothing behind.

    GPLMT_KILLS=1000 pytest -m faults tests/faults/test_random_kills.py

takes about an hour; without the variable there are a few kills for each kind of target.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from gplmt.events import TeardownRegistered
from gplmt.recording.jsonl import read_events
from gplmt.recording.kept_journal import NAME, read_statements
from tests.faults.support import Case, Here, Site, There, faults_of, lines_of
from tests.support.program import GPLMT, Program, Running
from tests.support.ssh.fixtures import StartServer

KILLS = int(os.environ.get("GPLMT_KILLS", "0"))
_GRACE_SECONDS = 0.3
_LONGEST_SECONDS = 2.5
_CLEANUP_KILLS = 0.2  # of the cleanups are killed, too

# Every task leaves a word behind, before and after it can be killed.
_TELL = "echo {} $GPLMT_STEP.$GPLMT_ITERATION &gt;&gt; told"
_PAIRS = (("begin", "tidy"), ("begin-inner", "tidy-inner"), ("begin-serve", "unserve"))
_WORK = f"""{_TELL.format("begin")}; (setsid sleep 300 &amp;); sleep 300 &amp; sleep 0.1"""


def _experiment(sites: Sequence[Site]) -> str:
    names = [f"n{number}" for number in range(len(sites))]
    targets = "".join(site.target_xml(name) for name, site in zip(names, sites, strict=True))
    everywhere = " ".join(names)
    return f"""<experiment><targets>{targets}</targets>
<tasklists>
<tasklist name="work" cleanup="tidy"><run>{_WORK}</run>
<put source="tree" destination="gone/$GPLMT_STEP.$GPLMT_ITERATION" keep="false"/>
<run>sleep 0.1</run><call tasklist="inner"/></tasklist>
<tasklist name="inner" cleanup="tidy-inner"><run>{_TELL.format("begin-inner")}; sleep 0.05</run>
</tasklist>
<tasklist name="tidy"><run>sleep 0.05; {_TELL.format("tidy")}</run></tasklist>
<tasklist name="tidy-inner"><run>{_TELL.format("tidy-inner")}</run></tasklist>
<tasklist name="fetch"><put source="tree" destination="kept"/>
<get source="kept" destination="fetched-$GPLMT_TARGET/"/></tasklist>
<tasklist name="down"><run>sleep 0.05; {_TELL.format("down")}</run></tasklist>
<tasklist name="serve" cleanup="unserve"><run>{_TELL.format("begin-serve")}; sleep 300</run>
</tasklist>
<tasklist name="unserve"><run>{_TELL.format("unserve")}</run></tasklist>
</tasklists>
<steps>
<step name="server" tasklist="serve" targets="{everywhere}" background="true"/>
<register-teardown tasklist="down" targets="{everywhere}"/>
<loop param="X" list="1:3">
<register-teardown tasklist="down" targets="{everywhere}"/>
<step name="work" tasklist="work" targets="{everywhere}"/>
<step name="fetch" tasklist="fetch" targets="{everywhere}"/>
</loop>
</steps></experiment>"""


class _Kill:
    """One run, killed after some time, and cleaned up after."""

    def __init__(self, case: Case, sites: Sequence[Site], chance: random.Random) -> None:
        self._case = case
        self._sites = sites
        self._chance = chance
        work = case.program.work / "tree"
        work.mkdir()
        for number in range(12):
            (work / str(number)).write_bytes(os.urandom(20_000))

    def happen(self) -> None:
        run = self._case.start(_experiment(self._sites), "--quiet", "--grace", str(_GRACE_SECONDS))
        self._kill(run, after=self._chance.uniform(0.1, _LONGEST_SECONDS))
        if not run.has_run_directory or not (run.run_directory / "manifest.json").exists():
            return
        self._check_journal(run)
        if self._chance.random() < _CLEANUP_KILLS:
            cleaning = self._case.call("cleanup", str(run.run_directory), program=GPLMT)
            self._kill(cleaning, after=self._chance.uniform(0.1, 1.0))
            self._check_journal(run)
        self._clean_up(run)
        self._check(run)

    def _kill(self, run: Running, *, after: float) -> None:
        time.sleep(after)  # the moment is what is tried out
        if run.process.poll() is None:
            self._case.send(run, signal.SIGKILL)
        run.wait()

    def _check_journal(self, run: Running) -> None:
        journal = run.run_directory / NAME
        if journal.exists():
            read_statements(journal)
            assert journal.stat().st_mode & 0o777 == 0o600

    def _clean_up(self, run: Running) -> None:
        cleaned = self._case.cleanup(run)
        assert cleaned.exit_code == 0, cleaned.stderr
        again = self._case.cleanup(run)
        assert again.exit_code == 0
        assert "nothing is left to be done" in again.stderr

    def _check(self, run: Running) -> None:
        self._case.until_gone(seconds=_GRACE_SECONDS + 2)
        assert self._case.unfinished() == []
        registered = 0
        if (record := run.run_directory / "events.jsonl").exists():
            registered = sum(isinstance(each, TeardownRegistered) for each in read_events(record))
        for site in self._sites:
            assert not (site.place / "gone").exists(), list((site.place / "gone").rglob("*"))
            _check_told(Counter(lines_of(site.place / "told")), teardowns=registered)


def _check_told(told: Counter[str], *, teardowns: int) -> None:
    """All that began has been tidied up after; what was itself cut off may have run again."""
    for begin, tidy in (
        ("begin", "tidy"),
        ("begin-inner", "tidy-inner"),
        ("begin-serve", "unserve"),
    ):
        begun = {line.split()[1] for line in told if line.split()[0] == begin}
        tidied = {line.split()[1] for line in told if line.split()[0] == tidy}
        assert begun <= tidied, told
    down = [line for line in told if line.startswith("down ")]
    assert len(down) >= teardowns, (told, teardowns)
    assert all(count <= 2 for count in told.values()), told


def _empty(place: Path) -> None:
    for name in ("told", "gone", "kept"):
        path = place / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _kill_again_and_again(scratch: Path, sites: Sequence[Site], *, kills: int, seed: int) -> None:
    for number in range(kills):
        chance = random.Random(f"{seed}/{number}")  # noqa: S311
        directory = scratch / f"{number}"
        with Program(directory) as program, faults_of(program) as case:
            for site in sites:
                case.at(site)
            here: Site = Here(program.work)
            try:
                _Kill(case, sites or [here], chance).happen()
            except BaseException as error:
                error.add_note(f"kill {number} with seed {seed}")
                raise
        for site in sites:
            _empty(site.place)
        shutil.rmtree(directory)


@pytest.mark.parametrize("seed", [pytest.param(1), pytest.param(2, marks=pytest.mark.long)])
def test_a_run_on_this_host_is_cleaned_up_after_whenever_it_was_killed(
    tmp_path: Path, seed: int
) -> None:
    _kill_again_and_again(tmp_path, [], kills=KILLS // 4 or 2, seed=seed)


@pytest.mark.openssh
@pytest.mark.parametrize("seed", [pytest.param(1), pytest.param(2, marks=pytest.mark.long)])
def test_a_run_on_nodes_is_cleaned_up_after_whenever_it_was_killed(
    tmp_path: Path, seed: int, openssh_server: StartServer
) -> None:
    sites = [There(openssh_server()), There(openssh_server())]
    _kill_again_and_again(tmp_path, sites, kills=KILLS // 4 or 2, seed=seed)
