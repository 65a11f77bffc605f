"""--notify and --notify-url: who waits for a run is told how it ended; nothing depends on it."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from gplmt.cli.notifying import News, run_command
from gplmt.cli.patience import Patience
from gplmt.cli.posting import post
from tests.cli.conftest import Gplmt, Said
from tests.support.processes import marked_by
from tests.support.program import GPLMT, ROOT, Program, document, one, until

OK = one("<run>true</run>")
BAD = one("<fail status='no'/>")
LONG = one("<run>echo begun; sleep 60</run>")
NEWS = News(
    outcome="ok",
    experiment="lab",
    run_id="lab-1",
    run_dir="/runs/lab-1",
    exit_code=0,
    host="here",
    started=datetime(2026, 3, 2, tzinfo=UTC),
    ended=datetime(2026, 3, 2, tzinfo=UTC),
    seconds=0.0,
)


class Request(NamedTuple):
    """What a server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Hooks:
    """A real HTTP server that does with each path what its first word says."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.requests: list[Request] = []
        self.other = ""  # the URL of another server
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def _take(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                request = Request(
                    self.command, self.path, dict(self.headers), self.rfile.read(size)
                )
                hooks.requests.append(request)
                hooks.answer(self, request)

            do_POST = do_GET = _take  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = self.url.replace("http", "https")
        self.released = threading.Event()

    def answer(self, handler: BaseHTTPRequestHandler, request: Request) -> None:
        """Answer, or do not."""
        word = request.path.strip("/").partition("/")[0]
        if word == "hang":
            self.released.wait(60)
        elif word == "slow":
            self.released.wait(0.3)
            handler.send_response(200)
            handler.end_headers()
        elif word == "drip":
            handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
            while not self.released.wait(0.05):
                handler.wfile.write(b"X")
        elif word == "close":
            handler.close_connection = True
        elif word.isdecimal() and word.startswith("3"):
            handler.send_response(int(word))
            handler.send_header("Location", f"{self.other or self.url}/taken")
            handler.end_headers()
        else:
            handler.send_response(int(word) if word.isdecimal() else 200)
            handler.end_headers()

    def __enter__(self) -> Hooks:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with Hooks() as hooks:
        yield hooks


@pytest.fixture
def other_hooks() -> Iterator[Hooks]:
    with Hooks() as hooks:
        yield hooks


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """The file of a key and a certificate for this machine, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What stands in it takes no longer."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


class Lab:
    """Runs experiments by gplmt in this process, told to tell somebody."""

    def __init__(self, gplmt: Gplmt, directory: Path) -> None:
        self._gplmt = gplmt
        self._directory = directory

    def run(self, text: str, *options: str) -> Said:
        (self._directory / "lab.xml").write_text(text)
        return self._gplmt("run", "lab.xml", *options)

    @property
    def run_directory(self) -> Path:
        return (self._directory / "gplmt-runs" / "latest").resolve()

    @property
    def manifest(self) -> dict[str, object]:
        content = json.loads((self.run_directory / "manifest.json").read_text())
        assert isinstance(content, dict)
        return content


@pytest.fixture
def lab(gplmt: Gplmt, tmp_path: Path) -> Lab:
    return Lab(gplmt, tmp_path)


class TestCommand:
    """--notify."""

    @pytest.mark.parametrize(("text", "word", "code"), [(OK, "ok", 0), (BAD, "failed", 1)])
    def test_it_finds_outcome_run_directory_and_experiment_in_its_environment(
        self, text: str, word: str, code: int, lab: Lab, tmp_path: Path
    ) -> None:
        tell = 'echo "$GPLMT_OUTCOME|$GPLMT_RUN_DIR|$GPLMT_EXPERIMENT" > told'
        said = lab.run(text, "--notify", tell)
        told = (tmp_path / "told").read_text().strip().split("|")
        assert told == [word, str(lab.run_directory), "lab"]
        assert said.exit_code == code

    def test_it_finds_a_run_directory_that_is_complete(self, lab: Lab, tmp_path: Path) -> None:
        tell = 'cp -r "$GPLMT_RUN_DIR" seen; cp junit.xml seen/'
        lab.run(BAD, "--junit", "junit.xml", "--notify", tell)
        seen = tmp_path / "seen"
        for name in ("manifest.json", "events.jsonl", "report.html"):
            assert (seen / name).read_bytes() == (lab.run_directory / name).read_bytes()
        assert lab.manifest["exit_code"] == 1
        assert not (seen / "journal.jsonl").exists()
        assert "<failure " in (seen / "junit.xml").read_text()

    def test_it_reads_nothing_of_what_is_typed(self, tmp_path: Path) -> None:
        (tmp_path / "lab.xml").write_text(OK)
        words = (*GPLMT, "run", "lab.xml", "--no-report", "--notify", "cat")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(  # noqa: S603
            words, cwd=tmp_path, stdin=subprocess.PIPE, env=environment
        ) as process:
            assert process.wait(20) == 0

    def test_what_it_prints_goes_to_stderr(self, lab: Lab) -> None:
        said = lab.run(OK, "--notify", "echo to-out; echo to-err >&2")
        assert said.stdout == ""
        assert said.stderr.endswith("\nto-out\nto-err\n")

    @pytest.mark.parametrize(
        ("command", "problem"),
        [
            ("exit 3", "exited with status 3"),
            ("no-such-program-anywhere", "exited with status 127"),
            ("kill -TERM $$", "was killed by SIGTERM"),
        ],
    )
    def test_if_it_fails_that_is_told_and_nothing_else(
        self, command: str, problem: str, lab: Lab
    ) -> None:
        said = lab.run(OK, "--notify", command)
        assert said.exit_code == 0
        assert said.stderr.splitlines()[-1] == f"gplmt: warning: the command of --notify {problem}"
        assert (lab.manifest["outcome"], lab.manifest["exit_code"]) == ("ok", 0)

    def test_it_is_run_after_one_and_after_two_signals(self, program: Program) -> None:
        tell = 'echo "$GPLMT_OUTCOME" >> told'
        program.start(LONG, "--notify", tell).until_shown("n1 | begun").send(signal.SIGINT).wait()
        steps = '<register-teardown tasklist="t" targets="n1"/><step tasklist="t" targets="n1"/>'
        tasks = '<tasklist name="t"><run>echo begun; sleep 60</run></tasklist>'
        run = program.start(document(tasklists=tasks, steps=steps), "--notify", tell)
        run.until_shown("n1 | begun").send(signal.SIGTERM)
        until(lambda: run.lines == ["n1 | begun"] * 2)  # the teardown has begun
        run.send(signal.SIGTERM).wait()
        assert run.exit_code == 128 + signal.SIGTERM
        assert (program.scratch / "told").read_text().split() == ["interrupted"] * 2

    def test_it_is_not_run_where_nothing_could_be_run(self, lab: Lab, tmp_path: Path) -> None:
        assert lab.run("<experiment/>", "--notify", "touch told").exit_code == 2
        assert not (tmp_path / "told").exists()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_ends_the_waiting_and_the_command(
        self, number: signal.Signals, program: Program, hooks: Hooks
    ) -> None:
        run = program.start(
            OK,
            *("--notify", "trap '' INT TERM HUP; sleep 61 & echo now; sleep 62"),
            *("--notify-url", f"{hooks.url}/slow"),
        )
        until(lambda: run.stderr.endswith("\nnow\n"))
        with within(20):
            run.send(number).wait()
        assert run.exit_code == 0
        assert "--notify was killed, as gplmt was interrupted" in run.stderr
        assert [request.path for request in hooks.requests] == ["/slow"]
        assert "could not post" not in run.stderr
        until(lambda: not marked_by(f"GPLMT_RUN_DIR={run.run_directory}\0"))

    def test_an_ignored_signal_does_not(self, program: Program) -> None:
        tell = "echo now; until test -e go; do sleep 0.05; done; echo told"
        run = program.start(OK, "--notify", tell, ignored=[signal.SIGHUP])
        until(lambda: run.stderr.endswith("\nnow\n"))
        run.send(signal.SIGHUP)
        (program.scratch / "go").touch()
        assert run.wait().stderr.endswith("told\n")

    def test_after_its_time_it_is_killed_with_its_process_group(self, tmp_path: Path) -> None:
        news = replace(NEWS, run_dir=str(tmp_path))
        with within(10):
            problem = run_command(
                "trap '' TERM; sleep 63 & sleep 64", news, Patience(), seconds=0.3
            )
        assert problem == "was killed, as it had not ended within 0.3 s"
        until(lambda: not marked_by(f"GPLMT_RUN_DIR={tmp_path}\0"))

    def test_what_it_leaves_running_is_not_waited_for(self, lab: Lab, tmp_path: Path) -> None:
        with within(20):
            assert lab.run(OK, "--notify", "sleep 65 & echo $! > pid").exit_code == 0
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


class TestUrl:
    """--notify-url."""

    def test_it_gets_a_document_about_the_run(self, lab: Lab, hooks: Hooks) -> None:
        text = document(
            targets="n1 n2",
            tasklists='<tasklist name="t"><run expected-status="0">test $GPLMT_TARGET = n1</run>'
            '</tasklist><tasklist name="bad"><fail status="no"/></tasklist>',
            steps='<step tasklist="t" targets="n1 n2" min-success="1"/>'
            '<step tasklist="bad" targets="n1"/><step tasklist="t" targets="n1" enabled="false"/>',
        )
        lab.run(text, "--notify-url", f"{hooks.url}/here")
        (request,) = hooks.requests
        assert request.method == "POST"
        assert request.headers["Content-Type"] == "application/json"
        told = json.loads(request.body)
        times = {name: told.pop(name) for name in ("started", "ended", "seconds", "host")}
        assert 0 < times.pop("seconds") < 60
        assert times == {name: lab.manifest[name] for name in times}
        assert told == {
            "outcome": "failed",
            "experiment": "lab",
            "run_id": lab.run_directory.name,
            "run_dir": str(lab.run_directory),
            "exit_code": 1,
            "targets": 2,
            "steps": {"ok": 1, "failed": 1, "stopped": 0, "skipped": 1},
            "failures": 1,
            "tolerated": 1,
        }

    def test_it_is_told_of_an_interrupted_run(self, program: Program, hooks: Hooks) -> None:
        run = program.start(LONG, "--notify-url", hooks.url).until_shown("n1 | begun")
        run.send(signal.SIGINT).wait()
        told = json.loads(hooks.requests[0].body)
        assert (told["outcome"], told["exit_code"], run.exit_code) == ("interrupted", 130, 130)

    def test_both_are_told_though_the_command_fails(self, lab: Lab, hooks: Hooks) -> None:
        said = lab.run(OK, "--notify", "exit 9", "--notify-url", hooks.url)
        assert len(hooks.requests) == 1
        assert said.exit_code == 0

    @pytest.mark.parametrize(
        ("path", "problem"),
        [
            ("500", "it answered 500 Internal Server Error"),
            ("404", "it answered 404 Not Found"),
            ("close", "it broke off"),
        ],
    )
    def test_what_it_does_not_take_is_told_without_what_may_be_secret(
        self, path: str, problem: str, lab: Lab, hooks: Hooks
    ) -> None:
        url = f"{hooks.url}/{path}/s3cret?token=s3cret".replace("//", "//me:s3cret@")
        said = lab.run(OK, f"--notify-url={url}", "--notify", f"true {url} '{url}'")
        assert said.exit_code == 0
        masked = f"{hooks.url}/***"
        assert said.stderr.splitlines()[-1] == (
            f"gplmt: warning: could not post to {masked}: {problem}"
        )
        assert len(hooks.requests) == 1
        kept = [path.read_bytes() for path in lab.run_directory.rglob("*") if path.is_file()]
        assert not any(b"s3cret" in content for content in kept)
        assert lab.manifest["arguments"] == [
            *("run", "lab.xml"),
            *(f"--notify-url={masked}", "--notify", f"true {masked} '{masked}'"),
        ]

    def test_nobody_there_is_told(self, lab: Lab) -> None:
        said = lab.run(OK, "--notify-url", "http://127.0.0.1:1/x")
        assert said.exit_code == 0
        told = "could not post to http://127.0.0.1:1/***: connection refused\n"
        assert said.stderr.endswith(told)

    def test_a_url_that_is_refused_is_not_repeated(self, lab: Lab) -> None:
        said = lab.run(OK, "--notify-url", "htp://s3cret")
        assert said.exit_code == 2
        assert "s3cret" not in said.stderr

    @pytest.mark.parametrize("path", ["hang", "drip"])
    def test_an_answer_that_does_not_come_is_not_waited_for(self, path: str, hooks: Hooks) -> None:
        with within(10):
            problem = post(f"{hooks.url}/{path}", b"{}", Patience(), seconds=0.4)
        assert problem == "there was no answer within 0.4 s"

    @pytest.mark.long
    @pytest.mark.parametrize("path", ["hang", "drip"])
    def test_a_server_that_hangs_keeps_gplmt_for_ten_seconds(
        self, path: str, program: Program, hooks: Hooks
    ) -> None:
        with within(25):
            run = program.run(OK, "--notify-url", f"{hooks.url}/{path}")
        assert run.exit_code == 0
        assert "there was no answer within 10 s" in run.stderr

    def test_a_signal_ends_the_waiting(self, program: Program, hooks: Hooks) -> None:
        run = program.start(OK, "--notify-url", f"{hooks.url}/hang")
        until(lambda: hooks.requests)
        with within(8):
            run.send(signal.SIGTERM).wait()
        assert run.exit_code == 0
        assert ": gplmt was interrupted" in run.stderr

    @pytest.mark.parametrize("code", [301, 302, 307, 308])
    def test_a_redirection_is_followed_with_the_document(
        self, code: int, hooks: Hooks, other_hooks: Hooks
    ) -> None:
        hooks.other = other_hooks.url
        url = hooks.url.replace("//", "//me:pass%20word@")
        assert post(f"{url}/{code}", b"{}", Patience(), seconds=10) is None
        assert hooks.requests[0].headers["Authorization"] == "Basic bWU6cGFzcyB3b3Jk"
        (request,) = other_hooks.requests
        assert (request.method, request.path, request.body) == ("POST", "/taken", b"{}")
        assert request.headers["Content-Type"] == "application/json"
        assert "Authorization" not in request.headers

    def test_to_see_other_is_to_get_it(self, hooks: Hooks) -> None:
        assert post(f"{hooks.url}/303", b"{}", Patience(), seconds=10) is None
        assert [request.method for request in hooks.requests] == ["POST", "GET"]

    def test_https_is_spoken_to_whom_the_machine_trusts_and_not_left(
        self, certificate: Path, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Hooks(certificate) as safe:
            problem = post(f"{safe.url}/s3cret", b"{}", Patience(), seconds=10) or ""
            assert problem.startswith("its certificate is not accepted: self")
            assert not safe.requests
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            assert post(f"{safe.url}/here", b"{}", Patience(), seconds=10) is None
            assert [request.path for request in safe.requests] == ["/here"]
            safe.other = hooks.url
            problem = post(f"{safe.url}/307", b"{}", Patience(), seconds=10) or ""
            assert problem.startswith("it answered 307 and redirects to where is no https")
        assert not hooks.requests
        problem = post(hooks.url.replace("http", "https"), b"{}", Patience(), seconds=10) or ""
        assert problem.startswith("TLS failed: ")

    @pytest.mark.parametrize("other", ["file:///etc", "ftp://127.0.0.1"])
    def test_a_redirection_to_what_is_no_web_server_is_not_followed(
        self, other: str, hooks: Hooks
    ) -> None:
        hooks.other = other
        problem = post(f"{hooks.url}/302", b"{}", Patience(), seconds=10) or ""
        assert problem.startswith("it answered 302")
        assert problem.endswith(("which is not followed", "is not allowed"))
        assert other not in problem

    def test_redirections_in_a_circle_end(self, hooks: Hooks) -> None:
        hooks.other = f"{hooks.url}/302"
        problem = post(f"{hooks.url}/302", b"{}", Patience(), seconds=10) or ""
        assert problem.startswith("it answered 302")
        assert len(hooks.requests) < 20

    @pytest.mark.parametrize("url", ["http://[s3cret/", "http://a:s3cret/", "http://a/s3c ret\x01"])
    def test_a_url_that_is_none_is_told_without_it(self, url: str) -> None:
        problem = post(url, b"{}", Patience(), seconds=10) or ""
        assert problem
        assert "s3c" not in problem


def test_a_proxy_is_taken_from_the_environment(
    lab: Lab, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", hooks.url)
    monkeypatch.setenv("no_proxy", "")
    assert lab.run(OK, "--notify-url", "http://far.example/here").exit_code == 0
    assert [request.path for request in hooks.requests] == ["http://far.example/here"]


def test_who_tells_nobody_imports_nothing_for_it(program: Program) -> None:
    run = program.run(OK, "--no-report", environment={"PYTHONPROFILEIMPORTTIME": "1"})
    assert run.exit_code == 0
    imported = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert "gplmt.cli.ending" in imported
    assert not imported & {"urllib.request", "http.client"}
    assert not imported & {"gplmt.cli.following", "gplmt.cli.notifying", "gplmt.reporting.junit"}
