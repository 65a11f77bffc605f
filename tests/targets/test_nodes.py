"""A whole run on the nodes of a slice: an API with TLS, and sshd on loopback (4.4)."""

from __future__ import annotations

import json

import pytest

from tests.support.program import Program
from tests.support.ssh.fixtures import StartServer
from tests.targets.bench import WITH_PASSWORD, slice_target
from tests.targets.certificates import Authority
from tests.targets.servers import PASSWORD, Plc

SAY = 'echo "$GPLMT_TARGET is $GPLMT_TARGET_INDEX of $GPLMT_TARGET_COUNT for $WHO as $(id -un)"'


@pytest.mark.openssh
def test_a_step_runs_on_each_node_of_a_slice(
    program: Program, authority: Authority, openssh_server: StartServer
) -> None:
    server = openssh_server()
    slices = {server.user: {7: "localhost", 3: "127.0.0.1"}}  # whose name is the user's there
    with Plc(slices, tls=authority.context("127.0.0.1")) as plc:
        own = slice_target(
            plc.url, slice_name=server.user, more='<export-env var="WHO" value="us"/>'
        )
        run = program.run(
            f"""<experiment><targets><target name="g" type="group">
            <user>nobody</user><port>{server.port}</port>
            <identity-file>{server.identity_file}</identity-file>
            <host-key-checking>off</host-key-checking>{own}</target></targets>
            <tasklists><tasklist name="t"><run>{SAY}</run></tasklist></tasklists>
            <steps><step tasklist="t" targets="g" min-success="2"/></steps></experiment>""",
            environment={**WITH_PASSWORD, "SSL_CERT_FILE": str(authority.certificate)},
        )
    assert run.exit_code == 0, run.stderr
    assert sorted(run.lines) == [
        f"slice.127.0.0.1 | slice.127.0.0.1 is 1 of 2 for us as {server.user}",
        f"slice.localhost | slice.localhost is 0 of 2 for us as {server.user}",
    ]
    (started,) = run.of_kind("ExperimentStarted")
    assert started["targets"] == ["slice.localhost", "slice.127.0.0.1"]
    manifest = json.loads((run.run_directory / "manifest.json").read_text())
    assert manifest["targets"] == ["g", "slice", "slice.localhost", "slice.127.0.0.1"]
    files = [path for path in run.run_directory.rglob("*") if path.is_file()]
    assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == []
    assert PASSWORD not in run.stdout + run.stderr
