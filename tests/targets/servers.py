"""Servers on loopback that are asked for the nodes of slices: a good one, and rough ones."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Self
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

USER = "ada@lab.example"
PASSWORD = "kept-to-ourselves"  # noqa: S105 (of nobody)
_HOST = "127.0.0.1"

Slices = Mapping[str, Mapping[int, str]]
Call = tuple[Mapping[str, str], Sequence[object], Sequence[str]]


class _Served:
    """A server in a thread of its own, for as long as it is a context."""

    server: socketserver.BaseServer

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()  # waits for the threads of its requests


class _Handler(SimpleXMLRPCRequestHandler):
    rpc_paths = ("/PLCAPI/",)


class _XmlRpcServer(socketserver.ThreadingMixIn, SimpleXMLRPCServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no fault."""


class Plc(_Served):
    """Speaks PLCAPI; `slices` has the hosts of nodes by their number, for each slice by name.

    `calls` are those that came.  `before` is called when one has.  It tells no host of `hidden`.
    """

    def __init__(
        self,
        slices: Slices,
        *,
        tls: ssl.SSLContext | None = None,
        before: Callable[[], object] = lambda: None,
        hidden: Collection[int] = (),
    ) -> None:
        self.calls: list[tuple[str, *Call]] = []
        self._slices = slices
        self._before = before
        self._hidden = hidden
        self.server = server = _XmlRpcServer((_HOST, 0), _Handler, logRequests=False)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.register_instance(self)  # which calls `_dispatch`
        self.port = server.server_address[1]
        self.url = f"{'http' if tls is None else 'https'}://{_HOST}:{self.port}/PLCAPI/"

    def _dispatch(self, method: str, parameters: Call) -> list[dict[str, object]]:
        login, wanted, fields = parameters
        self.calls.append((method, login, wanted, fields))
        self._before()
        if login["AuthMethod"] != "password" or login["AuthString"] != PASSWORD:
            raise Fault(103, f": {method}: Failed to authenticate call: {login['AuthString']}?")
        found = {"GetSlices": self._slices_among, "GetNodes": self._nodes_among}[method](wanted)
        return [{field: row[field] for field in fields} for row in found]

    def _slices_among(self, names: Sequence[object]) -> list[dict[str, object]]:
        return [
            {"name": name, "node_ids": list(nodes)}
            for name, nodes in self._slices.items()
            if name in names
        ]

    def _nodes_among(self, node_ids: Sequence[object]) -> list[dict[str, object]]:
        """The nodes by their numbers, in whatever order they were asked for."""
        nodes = {number: host for nodes in self._slices.values() for number, host in nodes.items()}
        return [
            {"node_id": number, "hostname": nodes[number], "boot_state": "boot"}
            for number in sorted(nodes)
            if number in node_ids and number not in self._hidden
        ]


Behaviour = Callable[[socket.socket, threading.Event], None]


class Rough(_Served):
    """Treats each connection as it is told; the event is set when the server shall end."""

    def __init__(self, behaviour: Behaviour, *, scheme: str = "http") -> None:
        self.connections = 0
        self._over = threading.Event()
        rough = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                rough.connections += 1
                with suppress(OSError):  # a client that goes away
                    behaviour(self.request, rough._over)

        self.server = socketserver.ThreadingTCPServer((_HOST, 0), Handler)
        self.url = f"{scheme}://{_HOST}:{self.server.server_address[1]}/PLCAPI/"

    def __exit__(self, *_: object) -> None:
        self._over.set()
        super().__exit__()


def answering(body: bytes, *, status: str = "200 OK", headers: str = "") -> Behaviour:
    """Give each request this answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return saying(head.encode("latin-1") + body)


def saying(content: bytes) -> Behaviour:
    """Send these bytes once a request is there."""

    def say(connection: socket.socket, _: threading.Event) -> None:
        _take_request(connection)
        connection.sendall(content)

    return say


def dripping(connection: socket.socket, over: threading.Event) -> None:
    """Send the header of an answer without an end, byte by byte."""
    _take_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not over.wait(0.01):
        connection.sendall(b"x")


def keeping_silent(_: socket.socket, over: threading.Event) -> None:
    """Say nothing."""
    over.wait()


def _take_request(connection: socket.socket) -> None:
    """Read all of a request: who closes before makes the other end lose the answer."""
    with connection.makefile("rb") as stream:
        length = 0
        while (line := stream.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        stream.read(length)
