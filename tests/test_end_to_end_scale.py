"""Many targets and many steps: nothing leaks, nothing hangs, little is no different from much."""

from __future__ import annotations

import os
import time

from tests.support.program import LIGHT, Program, Running, document, one, until

TARGETS = [f"n{number}" for number in range(200)]
ALL = " ".join(TARGETS)
STEP = '<step tasklist="t" targets="n1"/><synchronize/>'


def samples(run: Running) -> list[tuple[int, int, int]]:
    """Descriptors, threads and memory (KiB), looked at again and again while a run lasts."""
    found = []
    while run.process.poll() is None:
        try:
            found.append((run.descriptor_count(), run.thread_count(), run.memory_kib()))
        except (OSError, IndexError):  # it has just ended
            break
        time.sleep(0.1)
    run.wait()
    return found


def test_two_hundred_targets_run_a_step_at_once(program: Program) -> None:
    """8.4: each waits for all others, so none may be queued behind them."""
    gate = program.scratch / "gate"
    os.mkfifo(gate)
    meet = "touch $GPLMT_TARGET; : &lt;../gate; echo $GPLMT_TARGET_INDEX; echo e >&amp;2"
    run = program.start(one(f"<run>{meet}</run>", targets=ALL))
    until(lambda: len(list(run.work.iterdir())) == 200)
    writing = os.open(gate, os.O_RDWR)  # now their reading begins
    assert run.wait().exit_code == 0, run.stderr[-1000:]
    os.close(writing)
    assert sorted(run.lines) == sorted(f"{name} | {name[1:]}" for name in TARGETS)
    assert run.stderr.splitlines()[:-4].count("n7 | e") == 1
    assert sorted(path.name for path in (run.run_directory / "logs").iterdir()) == sorted(TARGETS)


def test_a_thousand_steps_in_sequence_leak_nothing(program: Program) -> None:
    """Descriptors and threads stay few; memory stays what it was."""
    tasklist = '<tasklist name="t"><run>:</run></tasklist>'
    thousand = document(tasklists=tasklist, steps=STEP * 1000)
    run = program.start(thousand, "--quiet", "--no-report")
    seen = samples(run)
    assert run.exit_code == 0, run.stderr
    assert run.stderr.startswith("steps: 1000 ok\n")
    assert len(list((run.run_directory / "logs" / "n1").iterdir())) == 2000
    descriptors, threads, memory = zip(*seen, strict=True)
    assert max(descriptors) < 25
    assert max(threads) <= 2
    begin = next(kib for kib in memory[len(memory) // 4 :])
    assert memory[-1] - begin < 4_000


def test_too_few_descriptors_are_told_and_the_rest_goes_on(program: Program) -> None:
    """Where only the soft limit is low it is raised, for gplmt alone."""
    limits = {"ulimit -S -n 256": 200, "ulimit -n 256": 0}
    text = one("<run expected-status='0'>sleep 0.5; ulimit -S -n</run>", targets=ALL)
    for limit, all_of_them in limits.items():
        shell = ("sh", "-c", f'{limit}; exec "$0" "$@"', *LIGHT)
        run = program.run(text, program=shell)
        assert {line.partition(" | ")[2] for line in run.lines} == {"256"}
        ended = [event["outcome"] for event in run.of_kind("RunFinished")]
        assert len(ended) == 200
        if all_of_them:
            assert (run.exit_code, len(run.lines)) == (0, 200), run.stderr[-1000:]
        else:
            assert run.exit_code == 1
            assert len(run.lines) == ended.count("ok") > 20
            assert "too many open files" in run.stderr
            assert "Traceback" not in run.stderr


def test_a_name_of_a_hundred_odd_characters_works_everywhere(program: Program) -> None:
    """2.1."""
    name = "a.b-c_1.." + "x" * 91
    (file := program.scratch / "my \xe4 dir" / "an experiment \u2713.xml").parent.mkdir()
    file.write_text(
        document(
            targets=f"{name} 0",
            tasklists=f"""<tasklist name="{name}">
            <run name="{name}">echo $GPLMT_TARGET $GPLMT_STEP</run><call tasklist="_"/></tasklist>
            <tasklist name="_"><run name="9">:</run></tasklist>""",
            steps=f'<step name="{name}" tasklist="{name}" targets="{name} 0"/>',
        )
    )
    run = program.start_file(file).wait()
    assert run.exit_code == 0, run.stderr
    assert sorted(run.lines) == [f"0 | 0 {name}", f"{name} | {name} {name}"]
    assert run.run_directory.name.startswith("an_experiment__")
    for target in ("0", name):
        logs = sorted(path.name for path in (run.run_directory / "logs" / target).iterdir())
        assert logs == [
            f"0001-{name}.{name}.err",
            f"0001-{name}.{name}.out",
            *("0002-_.9.err", "0002-_.9.out"),
        ]
