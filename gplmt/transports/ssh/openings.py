"""Opening connections: in turn, again when a server was busy, through jump hosts (LANGUAGE 7.7)."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncssh

from gplmt.errors import ConnectError
from gplmt.protocols import SshSettings
from gplmt.transports.ssh.explaining import explain
from gplmt.transports.ssh.logins import Login
from gplmt.transports.ssh.proxies import Proxy
from gplmt.transports.ssh.sockets import Sockets
from gplmt.transports.ssh.windows import Doors
from gplmt.transports.ssh.wires import Wire

_IS_DIRECT = "is_direct"
_LAST_DATA_RECEIVED = slice(52, 56)  # tcpi_last_data_recv in struct tcp_info of Linux
_FIRST_PAUSE_SECONDS = 0.3
_PROMPT_SECONDS = 1.0
_PROBES_PER_LEASE = 5
_MOST_PROBES = 3
_TURNED_AWAY = (asyncssh.ConnectionLost, ConnectionResetError, BrokenPipeError)
_FINAL = (
    ConnectionRefusedError,
    socket.gaierror,
    FileNotFoundError,
    PermissionError,
    asyncssh.PermissionDenied,
    asyncssh.HostKeyNotVerifiable,
    asyncssh.KeyExchangeFailed,
    asyncssh.ProtocolError,
    asyncssh.ChannelOpenError,
)

Connection = asyncssh.SSHClientConnection


class Openings:
    """Opens connections; those to jump hosts are shared by all nodes behind them."""

    def __init__(self, settings: SshSettings) -> None:
        self._lease_seconds = settings.lease_seconds
        self._doors = Doors(
            parallelism=settings.parallelism, cooldown_seconds=settings.cooldown_seconds
        )
        self._sockets = Sockets()
        self._gateways: dict[Login, asyncio.Task[Connection]] = {}

    async def open(self, login: Login, *, is_gateway: bool = False) -> Connection:
        """Open a connection and log in.

        It is tried again for as long as the login's connect timeout, the time aside in which
        others have their turn.

        Raises:
            ConnectError: the reason.
        """
        budget = _Budget(login.connect_timeout_seconds)
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                connection = await self._attempt(login, budget)
            except (OSError, asyncssh.Error) as error:
                if isinstance(error, _TURNED_AWAY):
                    self._doors.window.narrow()
                wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 (spreads, hides nothing)
                if isinstance(error, _FINAL) or wait >= budget.left:
                    raise ConnectError(explain(error, login)) from error
            else:
                if is_gateway:  # which has no guard to answer us
                    connection.set_keepalive(self._lease_seconds / _PROBES_PER_LEASE, _MOST_PROBES)
                return connection
            async with budget.spending():
                await asyncio.sleep(wait)
            pause *= 2

    async def close(self) -> None:
        """Close the connections to jump hosts."""
        opened, self._gateways = self._gateways, {}
        for task in opened.values():
            task.cancel()
            with suppress(asyncio.CancelledError, ConnectError):
                connection = await task
                connection.abort()
                await connection.wait_closed()

    async def _attempt(self, login: Login, budget: _Budget) -> Connection:
        tunnel = None
        if login.jumps:
            async with budget.spending():
                tunnel = await self._gateway(login.jumps[-1])
        async with self._doors.passing(login.server_key):
            if tunnel is not None:
                return await self._log_in_through(tunnel, login, budget)
            if login.proxy_command is not None:
                return await self._log_in(login, budget, tunnel=Proxy(login.proxy_command))
            connected = await self._connect(login, budget, at_most=_PROMPT_SECONDS)
            if connected is not None:
                return await self._log_in(login, budget, sock=connected)
        # Who is slow to answer, or gone, does not keep others waiting.
        connected = await self._connect(login, budget)
        async with self._doors.passing(login.server_key):
            return await self._log_in(login, budget, sock=connected)

    async def _connect(
        self, login: Login, budget: _Budget, *, at_most: float | None = None
    ) -> socket.socket | None:
        """Open a TCP connection; None if there is no answer in `at_most` seconds."""
        settings = login.settings
        try:
            async with budget.spending(at_most=at_most):
                return await self._sockets.connect(
                    login.host,
                    login.port,
                    family=settings.address_family or socket.AF_UNSPEC,
                    bind_address=settings.bind_address,
                )
        except TimeoutError:
            if at_most is None or budget.left <= 0:
                raise
            return None

    async def _log_in_through(
        self, tunnel: Connection, login: Login, budget: _Budget
    ) -> Connection:
        """Log in through a jump host, whose connection may turn out to be dead."""
        try:
            return await self._log_in(login, budget, tunnel=tunnel)
        except asyncssh.ChannelOpenError as error:
            if not tunnel.is_closed():
                raise
            loss = ConnectionAbortedError()  # another one may be opened, so it is not final
            loss.add_note(f"the connection to the jump host {login.jumps[-1].host} was lost")
            raise loss from error

    async def _log_in(
        self,
        login: Login,
        budget: _Budget,
        *,
        sock: socket.socket | None = None,
        tunnel: Connection | Proxy | None = None,
    ) -> Connection:
        async with budget.spending():
            try:
                connection = await asyncssh.connect(
                    login.host,
                    login.port,
                    options=login.options,
                    tunnel=tunnel if sock is None else Wire(sock),
                    login_timeout=0,
                )
            except BaseException:
                if sock is not None:
                    sock.close()
                raise
        self._doors.window.widen()
        if sock is not None:
            connection.set_extra_info(**{_IS_DIRECT: True})
            acknowledge_at_once(connection)
        return connection

    async def _gateway(self, login: Login) -> Connection:
        """The connection to a jump host, opened once for all."""
        task = self._gateways.get(login)
        if task is None or (task.done() and (_has_failed(task) or task.result().is_closed())):
            task = self._gateways[login] = asyncio.get_running_loop().create_task(
                self.open(login, is_gateway=True)
            )
        try:
            return await asyncio.shield(task)
        except ConnectError as error:
            raise ConnectError(f"the jump host {login.host}: {error}") from error


class _Budget:
    """The time that opening a connection may take, while it is spent on it."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    @asynccontextmanager
    async def spending(self, *, at_most: float | None = None) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self.left if at_most is None else min(at_most, self.left)):
                yield
        finally:
            self.left -= loop.time() - began


def acknowledge_at_once(connection: Connection) -> None:
    """Have the kernel not wait 40 ms with the acknowledgement that the server waits for.

    It forgets this after a while, so it is said again where it matters.
    """
    sock = connection.get_extra_info("socket")
    with suppress(AttributeError, OSError):  # not Linux, or no TCP
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def seconds_since_data(connection: Connection) -> float | None:
    """How long ago the other side has last sent something; None where that is not known."""
    if not connection.get_extra_info(_IS_DIRECT):  # a jump host is not who is asked for
        return None
    sock = connection.get_extra_info("socket")
    try:
        facts = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_RECEIVED.stop)
    except (AttributeError, OSError):  # not Linux
        return None
    return int.from_bytes(facts[_LAST_DATA_RECEIVED], sys.byteorder) / 1000


def _has_failed(task: asyncio.Task[Connection]) -> bool:
    return task.cancelled() or task.exception() is not None
