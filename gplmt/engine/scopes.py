"""Structured concurrency: one scope of the language is one `Scope`, one task group inside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import ParamSpec, TypeVar

from gplmt.engine.signals import Stop, TaskFailed, stronger

P = ParamSpec("P")
T = TypeVar("T")


class Scope:
    """A task group whose children end it by raising `TaskFailed` or a `Stop`.

    The strongest signal leaves the scope once all children have ended, their cleanups
    included.  A child never fails the group itself, so an outer cancellation is never lost.
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
        try:
            await self._group.__aexit__(kind, error, traceback)
        except asyncio.CancelledError:
            if isinstance(self._signal, Stop):  # it ends the cancelled task just as well
                raise self._signal from None
            raise
        if self._signal is not None:
            raise self._signal

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
        self._children: set[asyncio.Task[object]] = set()

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

    async def run(self, coroutine: Coroutine[object, object, T]) -> T:
        """Run to the end; a cancellation that arrives meanwhile is raised after it.

        Raises:
            asyncio.CancelledError: the caller was cancelled, or `cancel` was called.
        """
        task = self._group.create_task(coroutine)
        self._children.add(task)
        task.add_done_callback(self._children.discard)
        interrupted: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                interrupted = error
        if interrupted is not None:
            raise interrupted
        return task.result()

    def cancel(self) -> None:
        """End what runs here too: the second signal."""
        for task in self._children:
            task.cancel()
