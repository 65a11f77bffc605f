"""One experiment that can be caught in each phase of its life, on any site.

Its cleanup, its teardown and its background step's cleanup each leave a line in `ending`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.faults.support import UNFINISHED, Case, Site, until_event
from tests.support.program import Circumstances, Running, until
from tests.support.ssh.proxy import FaultProxy

ENDING = ["tidy", "restore", "unserve"]
BROUGHT = "brought"  # what a put with keep="false" makes
BIG = "big"  # what is copied when a copy is caught
_BIG_BYTES = {False: 192 << 20, True: 24 << 20}  # here, and through a slow link
_SLOW_BYTES_PER_SECOND = 4 << 20
_CAUGHT_BYTES = 1 << 20
_MANY_TASKS = 40_000

# What a command says that may be held: it waits if HOLD names it, until it may go on.
_WAIT = 'case " $HOLD " in *" {} "*) until [ -e go ]; do sleep 0.02; done; esac'
# A command with all kinds of children.
_WORK = f"""<run name="work">sleep 1000 &amp; nohup sleep 1000 >/dev/null 2>&amp;1 &amp;
setsid sleep 1000 &amp; (setsid sh -c 'touch daemon; sleep 1000' &amp;) ;
until [ -e daemon ]; do sleep 0.02; done; touch at-running
{_WAIT.format("running")}</run>"""


def _stage(name: str) -> str:
    """A tasklist that may be held, and says at last that it ran."""
    return f"""<tasklist name="{name}"><run>touch at-{name}
{_WAIT.format(name)}; echo {name} >>ending</run></tasklist>"""


def experiment(
    site: Site, *, hold: str, tasks: str = "", tasklists: str = "", steps: str = ""
) -> str:
    """The document; it waits at the points `hold` until there is a file `go`."""
    target = site.target_xml("n1", inner=f'<export-env var="HOLD" value="{hold}"/>')
    return f"""<experiment>
<targets>{target}</targets>
<tasklists>
<tasklist name="busy" cleanup="tidy">
<run name="begin">touch begun</run>
<put keep="false"><source>small</source><destination>{BROUGHT}/small</destination></put>
{tasks}{_WORK}</tasklist>
<tasklist name="serve" cleanup="unserve"><run>touch serving; exec sleep 1000</run></tasklist>
{_stage("tidy")}{_stage("restore")}{_stage("unserve")}{tasklists}</tasklists>
<steps>{steps}<step tasklist="serve" targets="n1" background="true"/>
<register-teardown tasklist="restore" targets="n1"/>
<step tasklist="busy" targets="n1"/></steps>
</experiment>"""


class Caught:
    """A run that has been caught in a phase, and how to let it go on.

    If `is_frozen`, it was stopped so that it stays there, and goes on with SIGCONT.
    """

    def __init__(
        self,
        run: Running,
        site: Site,
        release: Callable[[], object],
        *,
        is_frozen: bool = False,
    ) -> None:
        self.run = run
        self.site = site
        self.release = release
        self.is_frozen = is_frozen

    @property
    def ending(self) -> list[str]:
        """Which stages of the ending have come to their end, however often."""
        file = self.site.place / "ending"
        return file.read_text().split() if file.exists() else []

    @property
    def copies(self) -> list[str]:
        """What puts with keep="false" have made, whole or not."""
        return [name for name in (BROUGHT, BIG) if (self.site.place / name).exists()]


class Catcher:
    """Starts the experiment at a site, and catches it in a phase."""

    def __init__(self, case: Case, site: Site, *, proxy: FaultProxy | None = None) -> None:
        self.case = case
        self.site = site
        self.proxy = proxy
        self.options: tuple[str, ...] = ("--grace", "0.5", "--quiet")
        self.how: Circumstances = {}
        self.hold = ""  # further points at which it waits
        (case.program.scratch / "small").write_text("small\n")

    def catch(self, phase: str) -> Caught:
        """Start it, and return when it is in this phase."""
        return _PHASES[phase](self)

    def start(
        self, *, hold: str = "", tasks: str = "", tasklists: str = "", steps: str = ""
    ) -> Running:
        """Start the experiment, as `experiment` makes it."""
        hold = f"{hold} {self.hold}"
        text = experiment(self.site, hold=hold, tasks=tasks, tasklists=tasklists, steps=steps)
        return self.case.start(text, *self.options, **self.how)

    def until_there(self, run: Running, *names: str) -> None:
        """Wait until commands have made these files."""
        files = [self.site.place / name for name in names]
        until(lambda: all(file.exists() for file in files) or run.process.poll() is not None)
        assert [file.name for file in files if not file.exists()] == [], run.stderr

    def go(self) -> None:
        """Let commands that wait go on."""
        (self.site.place / "go").touch()

    def hasten(self) -> None:
        """Let the link be as fast as it can."""
        if self.proxy is not None:
            self.proxy.limit(None)


def _in_loading(catcher: Catcher) -> Caught:
    """It has begun to read a document that takes it a while."""
    many = "<run>true</run>" * _MANY_TASKS
    run = catcher.start(
        tasklists=f'<tasklist name="many">{many}</tasklist>',
        steps='<step tasklist="many" targets="n1" enabled="false"/>',
    )
    maps = Path(f"/proc/{run.pid}/maps")
    until(lambda: b"lxml" in maps.read_bytes() or run.process.poll() is not None)
    assert not run.has_run_directory, "it was loaded before that was seen"
    return Caught(run, catcher.site, lambda: None)


def _in_connecting(catcher: Catcher) -> Caught:
    """Its node takes the connection and says nothing."""
    proxy = catcher.proxy
    assert proxy is not None
    proxy.hole()
    run = catcher.start()
    until(lambda: proxy.connections > 0 or run.process.poll() is not None)
    until_event(run, "RunStarted", task="begin")
    return Caught(run, catcher.site, proxy.heal)


def _in_stage(hold: str) -> Callable[[Catcher], Caught]:
    """A command waits there."""

    def catch(catcher: Catcher) -> Caught:
        run = catcher.start(hold=hold)
        catcher.until_there(run, f"at-{hold}", "serving")
        return Caught(run, catcher.site, catcher.go)

    return catch


def _in_put(catcher: Catcher) -> Caught:
    """A big file is on its way to the target."""
    source = _make_big(catcher, catcher.case.program.scratch)
    tasks = (
        f'<put keep="false"><source>{source.name}</source><destination>{BIG}</destination></put>'
    )
    return _in_copy(catcher, tasks, lands=catcher.site.place)


def _in_get(catcher: Catcher) -> Caught:
    """A big file is on its way from the target."""
    source = _make_big(catcher, catcher.site.place)
    destination = catcher.case.program.work / "fetched"
    destination.mkdir()
    tasks = f"<get><source>{source.name}</source><destination>fetched/{BIG}</destination></get>"
    return _in_copy(catcher, tasks, lands=destination)


def _in_copy(catcher: Catcher, tasks: str, *, lands: Path) -> Caught:
    if catcher.proxy is not None:
        catcher.proxy.limit(_SLOW_BYTES_PER_SECOND)
    run = catcher.start(tasks=tasks)
    until(lambda: _has_grown(lands) or run.process.poll() is not None)
    is_frozen = catcher.proxy is None  # a copy within the host is over soon
    if is_frozen:
        run.send(signal.SIGSTOP)
    assert _has_grown(lands), f"the copy was over before it was seen\n{run.stderr}"
    return Caught(run, catcher.site, catcher.hasten, is_frozen=is_frozen)


def _make_big(catcher: Catcher, directory: Path) -> Path:
    path = directory / "source"
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(_BIG_BYTES[catcher.proxy is not None] >> 20):
            file.write(block)
    return path


def _has_grown(directory: Path) -> bool:
    """Whether a copy is at work there, with something done."""
    for path in directory.glob(UNFINISHED):
        try:
            if path.stat().st_size >= _CAUGHT_BYTES:
                return True
        except FileNotFoundError:
            continue
    return False


_PHASES: Mapping[str, Callable[[Catcher], Caught]] = {
    "loading": _in_loading,
    "connecting": _in_connecting,
    "running": _in_stage("running"),
    "put": _in_put,
    "get": _in_get,
    "cleanup": _in_stage("tidy"),
    "teardown": _in_stage("restore"),
}
PHASES: Sequence[str] = tuple(_PHASES)
