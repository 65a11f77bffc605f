"""No server makes gplmt wait long, take much, or go elsewhere; each is told for what it does."""

from __future__ import annotations

import gzip
import socket
import time

import pytest

from tests.targets.bench import Bench, slice_target
from tests.targets.servers import (
    Behaviour,
    Plc,
    Rough,
    answering,
    dripping,
    keeping_silent,
    saying,
)

NETWORK = "; check <apiurl> and the network"
ADDRESS = "; check <apiurl>"
UNEXPECTED = "the API {} answers GetSlices with what is not expected" + ADDRESS
BROKEN_OFF = "the API {} closes the connection without a whole answer" + NETWORK
NO_HTTP = "the API {} does not speak HTTP" + NETWORK
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
BOMB = (
    f'<?xml version="1.0"?><!DOCTYPE m [<!ENTITY l0 "ha">{LAUGHS}]><methodResponse><params>'
    "<param><value>&l8;</value></param></params></methodResponse>"
)
HARMLESS = "<!DOCTYPE methodResponse [<!ENTITY node '<value><int>1</int></value>'>]>"
OUTSIDE = BOMB.replace('l0 "ha"', 'l0 SYSTEM "file:///etc/passwd"').replace("&l8;", "&l0;")


def answer(value: str) -> bytes:
    """An answer with this value."""
    response = "<methodResponse><params><param>{}</param></params></methodResponse>"
    return response.format(value).encode()


def slices(node_ids: str) -> bytes:
    """An answer to GetSlices."""
    member = f"<member><name>node_ids</name>{node_ids}</member>"
    return answer(
        f"<value><array><data><value><struct>{member}</struct></value></data></array></value>"
    )


def told_of(bench: Bench, behaviour: Behaviour, *, timeout_seconds: float = 10.0) -> str:
    """What is said of a server, its URL left out."""
    with Rough(behaviour) as server:
        (told,) = bench.refused(slice_target(server.url), timeout_seconds=timeout_seconds)
    return told.removeprefix("lab.xml:2: error: target 'slice': ").replace(server.url, "{}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome</html>",
        b"not XML at all",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="no-such"?><methodResponse/>',
        b"<methodResponse></methodResponse>",
        b"<methodResponse><params></params></methodResponse>",
        b"<methodResponse><fault><value>x</value></fault></methodResponse>",
        b"<methodResponse><fault><value><array><data/></array></value></fault></methodResponse>",
        b"<methodResponse><params><param><value></array></param></params></methodResponse>",
        answer("<value>a text</value>"),
        answer("<value><int>7</int></value>"),
        answer(f"<value><int>{'9' * 5000}</int></value>"),
        answer("<value><int>seven</int></value>"),
        answer("<value><boolean>2</boolean></value>"),
        answer("<value><bigdecimal>x</bigdecimal></value>"),
        answer("<value><base64>\u00e9</base64></value>"),
        answer("<value><dateTime.iso8601>now</dateTime.iso8601></value>"),
        answer("<value><unheard-of/></value>"),
        answer("<value><struct><value>1</value></struct></value>"),
        answer("<value><struct><value><array/></value><value>1</value></struct></value>"),
        answer("<value><array>" * 50_000 + "</array></value>" * 50_000),
        answer("<value><nil/></value>"),
        slices("<value>1</value>"),
        slices("<value><array><data><value>x</value></data></array></value>"),
        slices("<value><array><data><value><nil/></value></data></array></value>"),
        slices(f"<value><array><data><value><i8>{1 << 31}</i8></value></data></array></value>"),
        gzip.compress(slices("<value><array><data/></array></value>")),
        BOMB.encode(),
        OUTSIDE.encode(),
        BOMB.encode("utf-16"),
        HARMLESS.encode() + slices("<value><array><data>&node;</data></array></value>"),
    ],
    ids=range(32),
)
def test_an_answer_that_is_none_is_told(bench: Bench, body: bytes) -> None:
    assert told_of(bench, answering(body)) == UNEXPECTED


def test_slices_that_nobody_asked_for_are_told(bench: Bench) -> None:
    two = "<struct><member><name>node_ids</name><value><array/></value></member></struct>" * 2
    body = answer(f"<value><array><data>{two}</data></array></value>")
    assert told_of(bench, answering(body)) == "the API {} knows 2 slices 's'; check <slicename>"


def test_entities_are_not_expanded(bench: Bench) -> None:
    started = time.process_time()
    assert told_of(bench, answering(BOMB.encode())) == UNEXPECTED
    assert time.process_time() - started < 1


def test_a_packed_answer_is_not_unpacked(bench: Bench) -> None:
    packed = gzip.compress(bytes(200 << 20), 1)
    behaviour = answering(packed, headers="Content-Encoding: gzip\r\n")
    assert told_of(bench, behaviour) == UNEXPECTED


def test_an_answer_that_is_too_large_is_told(bench: Bench) -> None:
    too_large = "the answer of the API {} is larger than 64 MiB; check <apiurl>"
    assert told_of(bench, answering(bytes((64 << 20) + 1))) == too_large

    def endless(connection: socket.socket, _: object) -> None:
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        while True:
            connection.sendall(bytes(1 << 20))

    assert told_of(bench, endless) == too_large


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (saying(b""), BROKEN_OFF),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<methodResp"), BROKEN_OFF),
        (saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"), BROKEN_OFF),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), NO_HTTP),
        (saying(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n"), NO_HTTP),
        (
            answering(b"", status="403 Forbid\x9bden"),
            "the API {} answers with HTTP status 403 Forbid\\x9bden" + ADDRESS,
        ),
        (
            answering(b"x" * 1000, status="500 "),
            "the API {} answers with HTTP status 500" + ADDRESS,
        ),
    ],
)
def test_a_server_that_fails_is_told(bench: Bench, behaviour: Behaviour, told: str) -> None:
    assert told_of(bench, behaviour) == told


def test_a_redirect_is_told_and_not_followed(bench: Bench) -> None:
    with Plc({}) as plc:
        behaviour = answering(b"", status="301 Moved", headers=f"Location: {plc.url}\r\n")
        told = told_of(bench, behaviour)
    assert plc.calls == []
    assert told == (
        "the API {} answers with HTTP status 301 Moved; check <apiurl>; "
        f"the server names {plc.url}"
    )


@pytest.mark.parametrize("behaviour", [keeping_silent, dripping])
def test_nobody_waits_longer_than_the_timeout(bench: Bench, behaviour: Behaviour) -> None:
    started = time.monotonic()
    told = told_of(bench, behaviour, timeout_seconds=0.5)
    assert told == "the API {} does not answer within 0.5 s" + NETWORK
    assert time.monotonic() - started < 5


def test_the_timeout_is_for_all_slices_together(bench: Bench) -> None:
    started = time.monotonic()
    with Rough(keeping_silent) as server:
        targets = [slice_target(server.url, name=f"s{n}", slice_name=f"s{n}") for n in range(10)]
        assert len(bench.refused(*targets, timeout_seconds=0.5)) == 10
    assert time.monotonic() - started < 4


def test_a_server_that_is_not_there_is_told(bench: Bench) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        (told,) = bench.refused(slice_target(url))
    reached = f"the API {url} cannot be reached: connection refused"
    assert told == f"lab.xml:2: error: target 'slice': {reached}{NETWORK}"


@pytest.mark.parametrize(
    "url",
    [
        "http:///x",
        "http://:80/",
        "http://[::1/",
        "http://host:99999/",
        "http://host:port/",
        "http://a..b/",
        "http://a/\x7f",
    ],
)
def test_a_url_that_is_no_address_is_told(bench: Bench, url: str) -> None:
    (told,) = bench.refused(slice_target(url))
    assert told == f"lab.xml:2: error: target 'slice': {url!r} is not an address; check <apiurl>"


def test_a_url_with_a_password_is_refused_without_showing_it(bench: Bench) -> None:
    (told,) = bench.refused(slice_target("https://ada:hidden@plc.example/"))
    assert told == (
        "lab.xml:2: error: target 'slice': <apiurl> has a user or a password in it; "
        "write them as <user> and GPLMT_PLANETLAB_PASSWORD"
    )
