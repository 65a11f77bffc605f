"""A thread that writes to slow descriptors, so that the event loop never waits for one."""

from __future__ import annotations

import os
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from threading import Condition, Event, Thread

_FULL_BYTES = 1 << 20
_ROOM_BYTES = _FULL_BYTES // 2
_MOST_AT_ONCE = 1 << 16  # between two writes it is seen that nobody waits any more
_PAUSE_SECONDS = 0.03  # nobody sees it, and what comes meanwhile is written in one go

Piece = tuple[int, bytes]
Waiter = tuple[AbstractEventLoop, Callable[[], None]]


class Writer:
    """Writes pieces in the order in which they were put, each whole before the next.

    Where there can be no thread, as there are too many processes, the next piece tries again, and
    only what is too much to be queued is waited for.

    `on_fault` is called in the writer's thread when a descriptor takes no more; what is put
    for that one later is dropped.  What `is_for_people` is gathered for a moment.  `frame`, where
    there is one, makes of what is about to be written what is written.
    """

    def __init__(
        self, on_fault: Callable[[int, OSError], None], *, is_for_people: bool = False
    ) -> None:
        self.frame: Callable[[bytes], bytes] | None = None
        self._is_for_people = is_for_people
        self._hurry = Event()
        self._on_fault = on_fault
        self._changed = Condition()
        self._pending: list[Piece] = []
        self._size = 0  # of what is not yet written, the piece in hand included
        self._waiting: list[Waiter] = []
        self._broken: set[int] = set()
        self._thread: Thread | None = None
        self._is_closing = False
        self._is_abandoned = False

    def put(self, descriptor: int, data: bytes) -> bool:
        """Queue a piece; False if there is much queued already and the caller should wait."""
        with self._changed:
            if self._is_abandoned or descriptor in self._broken:
                return True
            self._pending.append((descriptor, data))
            self._size += len(data)
            if self._thread is None:
                self._start()
            self._changed.notify_all()
            return self._size < _FULL_BYTES

    @property
    def has_pending(self) -> bool:
        """Whether something is queued that nobody has begun to write."""
        return bool(self._pending)

    def takes(self, descriptor: int) -> bool:
        """Whether putting something for this descriptor is of any use."""
        return not self._is_abandoned and descriptor not in self._broken

    def call_when_ready(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, on the running event loop, when there is room again."""
        loop = get_running_loop()
        with self._changed:
            if self._size > _ROOM_BYTES:
                self._waiting.append((loop, callback))
                return
        loop.call_soon(callback)

    def close(self) -> bool:
        """Wait until all is written, and end the thread; False if not all could be shown.

        Must not be called on the event loop's time.  Ctrl-C, or `abandon`, ends the waiting; a
        thread that a blocked reader holds then goes with the process.
        """
        with self._changed:
            self._is_closing = True
            self._hurry.set()
            self._changed.notify_all()
            try:
                self._write_pending()
                self._changed.wait_for(lambda: self._thread is None or self._is_abandoned)
            except KeyboardInterrupt:
                self.abandon()
        return not self._is_abandoned

    def abandon(self) -> None:
        """Drop what is not written, now and from now on; may be called from anywhere."""
        with self._changed:
            self._is_abandoned = True
            self._pending.clear()
            self._size = 0
            self._wake_waiting()
            self._changed.notify_all()

    def _start(self) -> None:
        self._is_closing = False
        self._hurry.clear()
        thread = Thread(target=self._work, name="gplmt terminal", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            if self._size >= _FULL_BYTES:
                self._write_pending()
        else:
            self._thread = thread

    def _write_pending(self) -> None:
        """Write here and now what no thread will."""
        if self._thread is None:
            pieces, self._pending = self._pending, []
            for descriptor, data in _joined(pieces):
                self._write(descriptor, data)
                self._count_written(len(data))

    def _work(self) -> None:
        try:
            while pieces := self._take():
                if self._is_for_people:
                    self._hurry.wait(_PAUSE_SECONDS)
                    pieces += self._take_more()
                for descriptor, data in _joined(pieces):
                    self._write(descriptor, data)
                    self._count_written(len(data))
        except BaseException:
            self.abandon()  # so that nobody waits for a thread that has died of our own fault
            raise

    def _take(self) -> list[Piece]:
        """What is pending; nothing, and no thread any more, once closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._is_closing or self._is_abandoned)
            pieces, self._pending = self._pending, []
            if not pieces:
                self._thread = None
                self._changed.notify_all()
            return pieces

    def _take_more(self) -> list[Piece]:
        with self._changed:
            pieces, self._pending = self._pending, []
            return pieces

    def _write(self, descriptor: int, data: bytes) -> None:
        rest = memoryview(data if self.frame is None else self.frame(data))
        while rest and self.takes(descriptor):
            try:
                rest = rest[os.write(descriptor, rest[:_MOST_AT_ONCE]) :]
            except BlockingIOError:  # somebody else made our terminal or pipe non-blocking
                _wait_writable(descriptor)
            except OSError as error:
                self._broken.add(descriptor)
                self._on_fault(descriptor, error)

    def _count_written(self, size: int) -> None:
        with self._changed:
            self._size = max(0, self._size - size)
            if self._size <= _ROOM_BYTES:
                self._wake_waiting()

    def _wake_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for loop, callback in waiting:
            with suppress(RuntimeError):  # the loop has ended before its reader was needed again
                loop.call_soon_threadsafe(callback)


def _joined(pieces: list[Piece]) -> Iterator[Piece]:
    """Neighbours for the same descriptor in one piece."""
    for descriptor, group in groupby(pieces, key=itemgetter(0)):
        yield descriptor, b"".join(data for _, data in group)


def _wait_writable(descriptor: int) -> None:
    from select import POLLOUT, poll

    poller = poll()
    poller.register(descriptor, POLLOUT)
    poller.poll(100)
