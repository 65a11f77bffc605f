"""The API is asked over TLS, and has to prove who it is (LANGUAGE.md 4.4)."""

from __future__ import annotations

import socket

import pytest

from tests.targets.bench import Bench, slice_target
from tests.targets.certificates import Authority
from tests.targets.servers import Plc, Rough, keeping_silent

SLICES = {"s": {1: "a.example"}}
HERE = "127.0.0.1"
UNACCEPTED = (
    "lab.xml:2: error: target 'slice': the certificate of the API {} is not accepted: {}; "
    "check <apiurl>; the file of another CA can be named with SSL_CERT_FILE"
)


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The authority, known to whoever asks."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    return authority


def test_an_api_with_a_certificate_of_a_known_ca_is_asked(bench: Bench, trusted: Authority) -> None:
    with Plc(SLICES, tls=trusted.context(HERE)) as plc:
        experiment = bench.resolve(slice_target(plc.url))
    assert plc.url.startswith("https://")
    assert list(experiment.targets) == ["slice", "slice.a.example"]


def test_an_unknown_ca_is_refused_before_anything_is_said(
    bench: Bench, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with Plc(SLICES, tls=authority.context(HERE)) as plc:
        (told,) = bench.refused(slice_target(plc.url))
    reason = "unable to get local issuer certificate"
    assert told == UNACCEPTED.format(plc.url, reason)
    assert plc.calls == []


def test_a_certificate_for_another_host_is_refused(bench: Bench, trusted: Authority) -> None:
    with Plc(SLICES, tls=trusted.context("127.0.0.2")) as plc:
        (told,) = bench.refused(slice_target(plc.url))
    reason = f"ip address mismatch, certificate is not valid for '{HERE}'"
    assert told == UNACCEPTED.format(plc.url, reason)
    assert plc.calls == []


def test_a_certificate_that_has_expired_is_refused(bench: Bench, trusted: Authority) -> None:
    with Plc(SLICES, tls=trusted.context(HERE, days=-1)) as plc:
        (told,) = bench.refused(slice_target(plc.url))
    assert told == UNACCEPTED.format(plc.url, "certificate has expired")
    assert plc.calls == []


def test_a_server_without_tls_is_told(bench: Bench) -> None:
    def complain(connection: socket.socket, _: object) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with Rough(complain, scheme="https") as server:
        (told,) = bench.refused(slice_target(server.url))
    assert told == (
        f"lab.xml:2: error: target 'slice': the API {server.url} cannot be talked to with TLS: "
        "wrong version number; check <apiurl> and the network"
    )


def test_nobody_waits_long_for_a_handshake(bench: Bench) -> None:
    with Rough(keeping_silent, scheme="https") as server:
        (told,) = bench.refused(slice_target(server.url), timeout_seconds=0.3)
    assert "does not answer within 0.3 s" in told


def test_http_works_with_a_warning(bench: Bench) -> None:
    with Plc(SLICES) as plc:
        bench.resolve(slice_target(plc.url))
    loaded = bench.load(f"<experiment><targets>{slice_target(plc.url)}</targets></experiment>")
    assert [str(warning) for warning in loaded.warnings] == [
        f"lab.xml:1: warning: the API {plc.url} is asked without encryption; "
        "write https:// if it can do that"
    ]
