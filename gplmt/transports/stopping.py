"""The stop ladder (LANGUAGE.md 7.5): the stop signal, the grace period, SIGKILL, until all is gone.

All commands that are being stopped share one timer, and one look at the processes per tick.
"""

from __future__ import annotations

import asyncio
import signal

from gplmt.transports.processes import (
    MarkedProcess,
    Sweep,
    group_of,
    living_groups,
    signal_group,
    signal_process,
)

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05
_PROMPT_SECONDS = 0.005
_KILL_PATIENCE_SECONDS = 2.0


async def wait_despite_cancellation(*futures: asyncio.Future[None]) -> None:
    """Wait until all are done, however often we are cancelled; then let that through."""
    cancelled: asyncio.CancelledError | None = None
    while not all(future.done() for future in futures):
        try:
            await asyncio.wait(futures)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


class Stopper:
    """Takes commands down the ladder, any number at once."""

    def __init__(self, *, token: str, grace_seconds: float) -> None:
        self._token = token
        self._grace_seconds = grace_seconds
        self._stops: dict[str, _Stop] = {}
        self._pause = _FIRST_PAUSE
        self._timer: asyncio.TimerHandle | None = None

    def stop(self, mark: str, *, group: int | None, number: int) -> asyncio.Future[None]:
        """Begin to stop a process group and what is marked; done when all of it is gone.

        It is done as well when something withstands SIGKILL for two seconds.  `mark` ends in a
        slash; `group` None stands for one that is empty.
        """
        stop = self._stops.get(mark)
        if stop is None:
            loop = asyncio.get_running_loop()
            now = loop.time()
            stop = _Stop(group, number, now, now + self._grace_seconds, loop.create_future())
            self._stops[mark] = stop
            stop.signal_group(number)
        self._hurry()
        return stop.gone

    def kill(self) -> None:
        """Kill at once what is being stopped, and let no later stop wait."""
        self._grace_seconds = 0.0
        for stop in self._stops.values():
            stop.deadline = min(stop.deadline, asyncio.get_running_loop().time())
        if self._stops:
            self._hurry()

    async def finish(self) -> None:
        """Wait until nothing is being stopped any more."""
        while self._stops:
            await wait_despite_cancellation(*(stop.gone for stop in self._stops.values()))

    def _hurry(self) -> None:
        loop = asyncio.get_running_loop()
        self._pause = _FIRST_PAUSE
        if self._timer is None or self._timer.when() > loop.time() + _FIRST_PAUSE:
            self._schedule(_FIRST_PAUSE)

    def _schedule(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._tick)

    def _tick(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._look_at_groups(now)
        if any(stop.wants_sweep(now) for stop in self._stops.values()):
            self._sweep(now)
        self._forget_finished(now)
        if self._stops:
            cost = loop.time() - now
            deadline = min(stop.next_deadline(now) for stop in self._stops.values())
            self._schedule(min(max(self._pause, 3 * cost), max(deadline - now, _FIRST_PAUSE)))
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _look_at_groups(self, now: float) -> None:
        left = [stop for stop in self._stops.values() if stop.has_group(now)]
        # Only zombies may be left of a group, where nobody reaps orphans.
        if any(now > stop.begun + _PROMPT_SECONDS for stop in left):
            living = living_groups()
            for stop in left:
                if living is not None and stop.group not in living:
                    stop.group = None

    def _sweep(self, now: float) -> None:
        for stop in self._stops.values():
            stop.is_marked = False
        sweep = Sweep(self._token)
        for process in sweep:
            found = self._stops.get(process.mark)
            if found is not None and found.signal_marked(process, now):
                self._pause = _FIRST_PAUSE
        if not sweep.is_conclusive:
            for stop in self._stops.values():
                stop.is_marked = True

    def _forget_finished(self, now: float) -> None:
        for mark, stop in list(self._stops.items()):
            if stop.is_finished(now):
                del self._stops[mark]
                stop.gone.set_result(None)


class _Stop:
    """One command on the ladder; `group` is None once it has no members."""

    def __init__(
        self,
        group: int | None,
        number: int,
        begun: float,
        deadline: float,
        gone: asyncio.Future[None],
    ) -> None:
        self.group = group
        self.begun = begun
        self.deadline = deadline
        self.gone = gone
        self.is_marked = True  # as long as the contrary is not known
        self._number = number
        self._asked: set[int] = set()

    def signal_group(self, number: int) -> None:
        """Send a signal to the whole group, or find that there is none."""
        if self.group is not None and not signal_group(self.group, number):
            self.group = None

    def has_group(self, now: float) -> bool:
        """Whether the group has members, which are killed if their time is over."""
        self.signal_group(signal.SIGKILL if now >= self.deadline else 0)
        return self.group is not None

    def wants_sweep(self, now: float) -> bool:
        """Whether it is time to look for what left the group; mostly there is nothing."""
        return self.group is None or now > self.begun + _PROMPT_SECONDS

    def signal_marked(self, process: MarkedProcess, now: float) -> bool:
        """Ask a process outside the group to stop, once, or kill it; True if killed."""
        self.is_marked = True
        if now >= self.deadline:
            signal_process(process.pid, signal.SIGKILL)
            return True
        if process.pid not in self._asked and group_of(process.pid) != self.group:
            self._asked.add(process.pid)
            signal_process(process.pid, self._number)
        return False

    def next_deadline(self, now: float) -> float:
        """The moment when the next thing is due."""
        return self.deadline if now < self.deadline else self.deadline + _KILL_PATIENCE_SECONDS

    def is_finished(self, now: float) -> bool:
        """Whether all is gone, or all was tried."""
        if self.group is None and not self.is_marked:
            return True
        return now > self.deadline + _KILL_PATIENCE_SECONDS
