"""Structured concurrency: one scope of the language is one `Scope`, one task group inside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import ParamSpec

from gplmt.engine.signals import Stop, TaskFailed, stronger

P = ParamSpec("P")


def raise_pending_cancellation() -> None:
    """Raise the cancellation of the current task that something else has overtaken.

    A scope that ends by a signal raises that, also if its task has been cancelled meanwhile, and
    a shelter keeps cancellations away.  So whoever stops a signal, or goes on after a cleanup,
    asks here whether the task may live on.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Scope:
    """A task group whose children end it by raising `TaskFailed` or a `Stop`.

    The strongest signal leaves the scope once all children have ended, their cleanups
    included; a cancellation from outside leaves it if there is no signal, and stays pending
    (`raise_pending_cancellation`) if there is.  A child never fails the group itself, and is
    cancelled once at most.
    """

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._children: set[asyncio.Task[None]] = set()
        self._signal: Exception | None = None
        self._ending = False

    async def __aenter__(self) -> Scope:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self.cancel()
        interrupted = await self._children_ended()
        await self._group.__aexit__(None, None, None)  # raises what is a fault of ours
        if self._signal is not None:
            raise self._signal
        if interrupted is not None:
            raise interrupted

    async def _children_ended(self) -> asyncio.CancelledError | None:
        interrupted = None
        while self._children:
            try:
                await asyncio.wait(self._children)
            except asyncio.CancelledError as cancellation:
                interrupted = cancellation
                self.cancel()
        return interrupted

    def start(
        self, function: Callable[P, Awaitable[object]], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Task[None] | None:
        """Run a child; None, and nothing happens, if the scope is already ending."""
        if self._ending:
            return None

        async def child() -> None:
            try:
                await function(*args, **kwargs)
            except (TaskFailed, Stop) as signal:
                self.stop(signal)

        task = self._group.create_task(child())
        self._children.add(task)
        task.add_done_callback(self._children.discard)
        return task

    def stop(self, signal: Exception) -> None:
        """End the scope with this signal."""
        self._signal = stronger(self._signal, signal)
        self.cancel()

    def cancel(self) -> None:
        """Cancel all children once, without a signal; no further child starts."""
        if self._ending:
            return
        self._ending = True
        for task in self._children:
            task.cancel()


class Shelter:
    """Where cleanups run: out of reach of the timeouts and stops around them (LANGUAGE.md 7.4)."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._children: set[asyncio.Task[None]] = set()
        self.is_cancelled = False

    async def __aenter__(self) -> Shelter:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._group.__aexit__(kind, error, traceback)

    async def run(
        self, function: Callable[P, Awaitable[object]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Run to the end.

        A cancellation of the caller that arrives meanwhile stays pending: see
        `raise_pending_cancellation`.

        Raises:
            asyncio.CancelledError: `cancel` was called, before or meanwhile.
        """
        self._raise_if_cancelled()

        async def child() -> None:
            await function(*args, **kwargs)

        task = self._group.create_task(child())
        self._children.add(task)
        task.add_done_callback(self._children.discard)
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        self._raise_if_cancelled()

    def cancel(self) -> None:
        """End what runs here too, and let nothing more in: the second signal."""
        self.is_cancelled = True
        for task in self._children:
            task.cancel()

    def _raise_if_cancelled(self) -> None:
        if self.is_cancelled:
            raise asyncio.CancelledError
