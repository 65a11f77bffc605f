"""The output of what a command left running (LANGUAGE.md 6.2), where nothing cuts it off."""

from __future__ import annotations

from tests.support.processes import until
from tests.transports.contracts.stopping import TIDY, up
from tests.transports.host import Host, Output


async def test_output_that_comes_later_still_arrives(host: Host) -> None:
    host.make_fifo("go")
    text = "(read x <go; echo later; echo err >&2; sleep 1000) & echo first"
    execution = host.begin(text)
    assert await execution.returncode() == 0
    assert execution.stdout.data == b"first\n"
    assert execution.stdout.closed == 0
    await host.run("echo go >go")
    await execution.stdout.shows("later\n")
    await execution.stderr.shows("err\n")
    await host.stop_leftovers()


async def test_sinks_are_closed_when_the_last_writer_has_ended(host: Host) -> None:
    host.make_fifo("go")
    execution = host.begin("(read x <go) & exec 2>&-")
    await execution.returncode()
    assert (execution.stdout.closed, execution.stderr.closed) == (0, 0)
    await host.run("echo go >go")
    await execution.closed()


async def test_leftovers_may_say_a_last_word(host: Host) -> None:
    text = "(trap 'sleep 0.1; echo bye; exit' TERM; echo up; while :; do sleep 0.05; done) &"
    execution = host.begin(text)
    await execution.stdout.shows("up")
    await execution.returncode()
    await host.stop_leftovers()
    assert execution.stdout.data == b"up\nbye\n"


async def test_a_paused_sink_of_a_leftover_is_read_again(host: Host) -> None:
    host.make_fifo("go")
    stdout = Output(pause_after=1)
    execution = host.begin("(read x <go; echo later) & echo first", stdout=stdout)
    assert await execution.returncode() == 0
    await until(lambda: stdout.resume is not None)
    await host.run("echo go >go")
    stdout.go_on()
    await stdout.shows("later")


async def test_what_a_paused_sink_has_not_seen_is_delivered_at_the_end(host: Host) -> None:
    host.make_fifo("go")
    stdout = Output(pause_after=1)
    text = "(read x <go; echo two; touch up; sleep 1000) & echo one"
    execution = host.begin(text, stdout=stdout)
    await execution.returncode()
    await until(lambda: stdout.resume is not None)
    await host.run("echo go >go")
    await until((host.directory / "up").exists)
    assert stdout.data == b"one\n"
    await host.stop_leftovers()
    await host.close()
    assert stdout.data == b"one\ntwo\n"


async def test_a_full_disk_does_not_end_a_server(host: Host) -> None:
    # Nobody can be told any more; what the server writes is read nevertheless.
    host.make_fifo("go")
    stdout = Output(fail_after=10)
    server = "(read x <go; head -c 8000000 /dev/zero; touch written; exec sleep 1000)"
    execution = host.begin(f"{server} & echo up", stdout=stdout)
    assert await execution.returncode() == 0
    await host.run("echo go >go")
    await until((host.directory / "written").exists)
    assert stdout.closed == 1
    assert len(await host.stop_leftovers()) == 1


async def test_a_daemon_can_use_the_grace_period_to_tidy_up(host: Host) -> None:
    execution = host.begin(f'setsid sh -c "{TIDY}" & wait')
    await up(execution)
    await execution.cancel()
    assert execution.stdout.data == b"up\ntidying\ntidy\n"


async def test_a_daemon_is_asked_once(host: Host) -> None:
    loop = "n=0; while [ $n -lt 20 ]; do sleep 0.02; n=$((n+1)); done"
    execution = host.begin(
        f"setsid sh -c \"trap 'echo got' TERM; echo up; {loop}\"".replace("$", "\\$")
    )
    await up(execution)
    await execution.cancel()
    assert execution.stdout.data == b"up\ngot\n"
