"""A long run needs no more memory, descriptors or threads after hours than after minutes.

    GPLMT_SOAK_MINUTES=10 pytest -m long --log-cli-level=info tests/test_soak.py

stands for 2,000 targets' worth of steps in an hour; without the variable it takes half a minute.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec import Struct

from gplmt.recording.kept_journal import NAME
from tests.support.program import Program, Running
from tests.support.ssh.fixtures import StartServer

_LOGGER = logging.getLogger(__name__)
MINUTES = float(os.environ.get("GPLMT_SOAK_MINUTES", "0.5"))
_LOCAL_TARGETS = 60
_SSH_TARGETS = 10
_WARM_UP = 0.3  # of the samples: until then, caches and pools may fill
_PAUSE_SECONDS = 0.25
_MOST_GROWTH_KIB = 3072


class Sample(Struct, frozen=True, kw_only=True):
    """What gplmt holds at one moment."""

    memory_kib: int
    descriptors: int
    threads: int
    journal_bytes: int


def _experiment(ssh_target: str) -> str:
    here = [f"l{number}" for number in range(_LOCAL_TARGETS)]
    there = [f"s{number}" for number in range(_SSH_TARGETS)]
    targets = [f'<target name="{name}" type="local"/>' for name in here]
    targets += [ssh_target.replace("NAME", name) for name in there]
    return f"""<experiment><targets>{"".join(targets)}</targets>
<tasklists>
<tasklist name="work" cleanup="tidy"><run>echo $GPLMT_ITERATION</run>
<run expected-status="0" retries="1">test $((GPLMT_TARGET_INDEX % 7)) != 3</run></tasklist>
<tasklist name="tidy"><run>true</run></tasklist>
<tasklist name="copy"><put source="file" destination="copied-$GPLMT_TARGET" keep="false"/>
<get source="copied-$GPLMT_TARGET" destination="got-$GPLMT_TARGET"/></tasklist>
</tasklists>
<steps><loop duration="PT{MINUTES * 60:.0f}S">
<register-teardown tasklist="tidy" targets="l0"/>
<step tasklist="work" targets="l* s*" max-parallel="20"/>
<step tasklist="copy" targets="l0 s0"/>
</loop></steps></experiment>"""


def _samples(run: Running) -> Iterator[Sample]:
    journal = run.run_directory / NAME
    while run.process.poll() is None:
        time.sleep(_PAUSE_SECONDS)
        try:
            status = Path(f"/proc/{run.pid}/status").read_text()
            yield Sample(
                memory_kib=int(status.partition("VmRSS:")[2].split()[0]),
                descriptors=run.descriptor_count(),
                threads=run.thread_count(),
                journal_bytes=journal.stat().st_size,
            )
        except (OSError, IndexError):  # it has just begun, or ended
            continue


def _check_flat(values: Sequence[int], *, growth: int, what: str) -> None:
    """Hold the last third of the values against the first one after the warm-up."""
    settled = values[int(len(values) * _WARM_UP) :]
    third = len(settled) // 3
    early, late = max(settled[:third]), max(settled[-third:])
    assert late <= early + growth, f"{what} grew from {early} to {late}"


@pytest.mark.long
@pytest.mark.openssh
def test_a_long_run_holds_no_more_and_more(program: Program, openssh_server: StartServer) -> None:
    server = openssh_server()
    (program.work / "file").write_bytes(os.urandom(100_000))
    run = program.start(_experiment(server.target_xml("NAME")), "--quiet", "--grace", "1")
    samples = list(_samples(run))
    run.wait(120)
    assert run.exit_code == 1, "one target in seven fails, every time"
    iterations = len(run.of_kind("IterationFinished"))
    assert iterations > 3
    assert len(samples) > 20
    _LOGGER.info("%d iterations; %s; %s", iterations, samples[len(samples) // 3], samples[-1])
    _check_flat(
        [sample.memory_kib for sample in samples], growth=_MOST_GROWTH_KIB, what="memory (KiB)"
    )
    _check_flat([sample.descriptors for sample in samples], growth=8, what="descriptors")
    _check_flat([sample.threads for sample in samples], growth=2, what="threads")
    assert max(sample.journal_bytes for sample in samples) < 5_000_000
