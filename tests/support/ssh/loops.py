"""An event loop in a thread of its own, for what must go on while a test's loop is blocked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Self, TypeVar

T = TypeVar("T")

_LONGEST_SECONDS = 20.0


class LoopThread:
    """A loop that runs as long as this is entered; at the end its tasks are cancelled.

    What went wrong in it unseen is raised then.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._keep)
        self._faults: list[dict[str, object]] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="test server")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.run(_cancel_tasks())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        assert not self._faults, self._faults

    def run(self, coroutine: Coroutine[object, object, T]) -> T:
        """Run a coroutine there, and wait for its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_LONGEST_SECONDS)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function there, and wait for its result."""
        result: Future[T] = Future()
        self._loop.call_soon_threadsafe(_call, function, result)
        return result.result(_LONGEST_SECONDS)

    def _keep(self, _: asyncio.AbstractEventLoop, fault: dict[str, object]) -> None:
        # A client may close its channel while the server has something to say.
        if not isinstance(fault.get("exception"), BrokenPipeError):
            self._faults.append(fault)


def _call(function: Callable[[], T], result: Future[T]) -> None:
    try:
        result.set_result(function())
    except BaseException as error:  # noqa: BLE001 (raised in the thread that waits)
        result.set_exception(error)


async def _cancel_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
