"""Doing something from time to time beside a run, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread


class Ticker:
    """Calls `tick` until it is stopped, the first time after `first_after` seconds.

    `tick` returns after how many seconds it wants to be called again.  If it raises, `on_fault` is
    told and it is not called any more: what only tells of a run must not end it.
    """

    def __init__(
        self,
        tick: Callable[[], float],
        *,
        first_after: float,
        on_fault: Callable[[Exception], None],
    ) -> None:
        self._tick = tick
        self._first_after = first_after
        self._on_fault = on_fault
        self._stopped = Event()
        self._thread: Thread | None = None

    def start(self) -> bool:
        """Begin; False where there can be no thread, as there are too many: nothing is called."""
        thread = Thread(target=self._work, name="gplmt ticker", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        return True

    def stop(self) -> None:
        """End, and wait for a call that is under way."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        wait = self._first_after
        while not self._stopped.wait(wait):
            try:
                wait = self._tick()
            except Exception as error:  # noqa: BLE001 (as said above)
                self._on_fault(error)
                return
