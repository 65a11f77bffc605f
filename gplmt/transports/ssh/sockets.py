"""TCP connections to hosts by name, where nobody waits for a name server that does not answer.

asyncio resolves names on the few threads of its executor, which asyncssh needs for every
connection, and which the end of the event loop waits for.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread

UNRESOLVED = "while the host name was being resolved"
_MOST_THREADS = 64

_Question = tuple[str, int, int]  # host, port, family
_Found = Sequence[tuple[int, int, int, str, tuple[object, ...]]]  # as `socket.getaddrinfo` says


class Sockets:
    """Opens connections; names are looked up on threads that nothing waits for."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_MOST_THREADS)
        self._asked: dict[_Question, asyncio.Future[_Found]] = {}

    async def connect(
        self, host: str, port: int, *, family: int, bind_address: str | None
    ) -> socket.socket:
        """Connect to the first address of a host that takes it.

        Cancelled, it may leave a thread that ends when the name server, or its timeout, lets it;
        then the cancellation has the note UNRESOLVED.

        Raises:
            OSError: of the last address, or that there is none (`socket.gaierror`).
        """
        failure = OSError(f"{host} has no address")
        for family_found, kind, protocol, _, address in await self._find((host, port, family)):
            sock = socket.socket(family_found, kind | socket.SOCK_NONBLOCK, protocol)
            try:
                if bind_address is not None:
                    sock.bind((bind_address, 0))
                await asyncio.get_running_loop().sock_connect(sock, address)
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise failure

    async def _find(self, question: _Question) -> _Found:
        with suppress(socket.gaierror):  # which says that it is a name
            return _look_up(question, socket.AI_NUMERICHOST)
        answer = self._asked.get(question)
        if answer is None:
            await self._free.acquire()
            answer = asyncio.get_running_loop().create_future()
            self._asked[question] = answer
            Thread(target=self._ask, args=(question, answer), daemon=True).start()
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError as error:
            error.add_note(UNRESOLVED)
            raise

    def _ask(self, question: _Question, answer: asyncio.Future[_Found]) -> None:
        found: _Found | OSError
        try:
            found = _look_up(question, 0)
        except OSError as error:
            found = error
        except UnicodeError as error:  # a name that cannot be one
            found = OSError(str(error))
        with suppress(RuntimeError):  # the loop has ended meanwhile
            answer.get_loop().call_soon_threadsafe(self._take, question, answer, found)

    def _take(
        self, question: _Question, answer: asyncio.Future[_Found], found: _Found | OSError
    ) -> None:
        del self._asked[question]
        self._free.release()
        if isinstance(found, OSError):
            answer.set_exception(found)
            answer.exception()  # there may be nobody left who asks
        else:
            answer.set_result(found)


def _look_up(question: _Question, flags: int) -> _Found:
    host, port, family = question
    return socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=flags)
