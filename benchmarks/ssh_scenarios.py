"""What gplmt costs over SSH, beside a script with asyncssh, OpenSSH, rsync and tar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.measuring import Beyond, Comparison, Goal
from benchmarks.plateau import Plateau
from benchmarks.ssh_bench import SshBench
from benchmarks.ssh_experiments import get, put, run

_MEGABYTE = 1_000_000
_FILE_BYTES = 4096
_ONE_WAY_SECONDS = 0.010
# How much of their time one host and 100 commands should take.
_PEERS_OF_COMMANDS = {"ssh ControlMaster": 1, "parallel-ssh": 0.3, "fabric": 0.3, "pyinfra": 0.3}


def connect(bench: SshBench, *, hosts: int, rounds: int) -> None:
    """G2, G3: connect, `true`, close."""
    nodes = bench.lab.hosts(bench.bench.scaled(hosts))
    is_one = hosts == 1
    bench.bench.compare(
        Comparison(
            title=f"{'G2' if is_one else 'G3'} connect to {len(nodes)} hosts, run `true`",
            contenders=(
                bench.raw(nodes, "run", "true", 1),
                bench.gplmt(nodes, run("true"), check=bench.has_run(len(nodes))),
                bench.peer("ssh", bench.peers.run_each(nodes, "true")),
            ),
            goals=(Goal(of="gplmt", against="raw", wall=1.2 if is_one else 1.15, cpu=1.3),),
        ),
        rounds=rounds,
    )


def commands(bench: SshBench, *, hosts: int, times: int, rounds: int) -> None:
    """G4, G5: commands on open connections, which is what they cost beyond the first one."""
    nodes = bench.lab.hosts(bench.bench.scaled(hosts) if hosts > 1 else 1)
    times = times if hosts > 1 else bench.bench.scaled(times)
    further = len(nodes) * (times - 1)
    wall, cpu = (1.5, 1.4) if hosts > 1 else (1.6, 1.5)
    bench.bench.compare(
        Comparison(
            title=f"{'G4' if hosts > 1 else 'G5'} {len(nodes)} hosts, {times} commands each",
            contenders=(
                bench.raw(nodes, "run", "true", times),
                bench.gplmt(nodes, run("true", times), check=bench.has_run(len(nodes) * times)),
                bench.peer("ssh ControlMaster", bench.peers.control_master(nodes, times)),
                *bench.python_peers(nodes, times),
            ),
            bases=(
                bench.raw(nodes, "run", "true", 1, name="raw, one command"),
                bench.gplmt(nodes, run("true"), name="gplmt, one command"),
                bench.peer("ssh ControlMaster, one command", bench.peers.control_master(nodes, 1)),
            ),
            beyond=tuple(
                Beyond(
                    name=f"{name}, each further command",
                    of=name,
                    minus=f"{name}, one command",
                    parts=further,
                )
                for name in ("raw", "gplmt", "ssh ControlMaster")
            ),
            goals=(
                Goal(of="gplmt", against="raw", wall=wall, cpu=cpu),
                Goal(
                    of="gplmt, each further command",
                    against="raw, each further command",
                    wall=wall,
                    cpu=cpu,
                ),
                *(
                    Goal(of="gplmt", against=peer, wall=1 if hosts > 1 else most)
                    for peer, most in _PEERS_OF_COMMANDS.items()
                ),
            ),
        ),
        rounds=rounds,
    )


def output(bench: SshBench, *, hosts: int, megabytes: int, rounds: int) -> None:
    """G6, G7: output into a file per host."""
    nodes = bench.lab.hosts(bench.bench.scaled(hosts) if hosts > 1 else 1)
    source = bench.file(
        megabytes * _MEGABYTE if hosts > 1 else bench.bench.scaled(megabytes * _MEGABYTE)
    )
    command, copies = f"cat {source}", len(nodes)
    is_one = hosts == 1
    size = source.stat().st_size / _MEGABYTE
    arrives = bench.arrives(source, copies=copies)
    bench.bench.compare(
        Comparison(
            title=f"{'G6' if is_one else 'G7'} {len(nodes)} hosts, {size:g} MB of output each",
            contenders=(
                bench.raw(nodes, "collect", command, bench.arrived, check=arrives),
                bench.gplmt(nodes, run(command), check=bench.is_logged(source, copies=copies)),
                bench.peer("ssh", bench.peers.collect_each(nodes, command, bench.arrived), arrives),
            ),
            bases=(bench.gplmt(nodes, run("true"), name="gplmt, no output"),) if is_one else (),
            beyond=[Beyond(name="gplmt, for the output", of="gplmt", minus="gplmt, no output")],
            goals=(
                Goal(of="gplmt", against="raw", wall=1.15, cpu=1.15 if is_one else 1.3),
                Goal(of="gplmt, for the output", memory_mb=16),
            ),
        ),
        rounds=rounds,
    )


def copy_file(bench: SshBench, *, is_put: bool) -> None:
    """G8: one large file to or from one host."""
    (node,) = bench.lab.hosts(1)
    source = bench.file(bench.bench.scaled(500 * _MEGABYTE))
    target = bench.arrived / "file"
    here, there = ("", ":") if is_put else (":", "")
    ends = {"source": f"{here}{source}", "destination": f"{there}{target}"}
    verb, element = ("put", put) if is_put else ("get", get)
    check = bench.arrives(source)
    bench.bench.compare(
        Comparison(
            title=f"G8 {verb} {source.stat().st_size / _MEGABYTE:g} MB",
            contenders=(
                bench.raw([node], verb, source, f"{bench.arrived}/", check=check),
                bench.gplmt([node], element(source, str(target)), check=check),
                bench.peer("scp", bench.peers.scp(node, **ends), check),
                bench.peer("rsync", bench.peers.rsync(node, **ends), check),
            ),
            goals=(Goal(of="gplmt", against="raw", wall=1.1, cpu=1.1),),
        ),
        rounds=5,
    )


def put_to_many(bench: SshBench) -> None:
    """G9: 1 MB to each of 50 hosts."""
    nodes = bench.lab.hosts(bench.bench.scaled(50))
    source = bench.file(_MEGABYTE)
    check = bench.arrives(source, copies=len(nodes))
    bench.bench.compare(
        Comparison(
            title=f"G9 put 1 MB to {len(nodes)} hosts",
            contenders=(
                bench.raw(nodes, "put", source, f"{bench.arrived}/", check=check),
                bench.gplmt(nodes, put(source, f"{bench.arrived}/$GPLMT_TARGET"), check=check),
                bench.peer(
                    "scp", bench.peers.scp_put_each(nodes, source, f"{bench.arrived}/"), check
                ),
            ),
            goals=(Goal(of="gplmt", against="raw", wall=1.15, cpu=1.2),),
        ),
        rounds=5,
    )


def put_tree(bench: SshBench, *, files: int, is_far: bool, rounds: int) -> None:
    """G10, G11: many small files."""
    (node,) = bench.lab.hosts(1)
    if is_far:
        node = bench.lab.delayed(node, seconds=_ONE_WAY_SECONDS)
    source = bench.tree(bench.bench.scaled(files), size=_FILE_BYTES)
    check, there = bench.arrives(source), bench.arrived / "tree"
    far = f":{there}"
    at_once = 128 if is_far else 64
    many = f"raw, {at_once} in flight"
    words = ("put-tree", source, f"{bench.arrived}/")
    goals = [Goal(of="gplmt", against="rsync", wall=2.5 if is_far else 1.5)]
    if not is_far:
        goals.append(Goal(of="gplmt", against=many, cpu=1.1))
    title = f"put {bench.bench.scaled(files)} files of 4 kB"
    bench.bench.compare(
        Comparison(
            title=f"G11 {title}, 20 ms round trip" if is_far else f"G10 {title}",
            contenders=(
                bench.raw([node], *words, at_once, name=many, check=check),
                bench.gplmt([node], put(source, str(there)), check=check),
                bench.peer(
                    "rsync",
                    bench.peers.rsync(node, source=f"{source}/", destination=far),
                    check,
                ),
                bench.peer("tar | ssh", bench.peers.tar_put(node, source, there), check),
                bench.peer(
                    "scp", bench.peers.scp(node, source=str(source), destination=far), check
                ),
                bench.raw([node], *words, 1, name="raw, recursion", check=check),
            ),
            goals=goals,
        ),
        rounds=rounds,
    )


def idle(bench: SshBench) -> None:
    """G14: connections that are open, each with a command that waits."""
    nodes = bench.lab.hosts(bench.bench.scaled(500))
    with Plateau(bench.directory) as plateau:
        command = plateau.command
        contenders, bases = (
            (
                bench.raw(hosts, "run", command, 1, name=f"raw{suffix}", halfway=look),
                bench.gplmt(hosts, run(command), name=f"gplmt{suffix}", halfway=look),
            )
            for hosts, suffix, look in (
                (nodes, "", partial(plateau.resident_mb, commands=len(nodes))),
                (nodes[:1], ", one connection", partial(plateau.resident_mb, commands=1)),
            )
        )
        further = len(nodes) - 1
        bench.bench.compare(
            Comparison(
                title=f"G14 {len(nodes)} open connections, resident memory",
                contenders=contenders,
                bases=bases,
                beyond=tuple(
                    Beyond(
                        name=f"{name}, each further connection",
                        of=name,
                        minus=f"{name}, one connection",
                        parts=further,
                    )
                    for name in ("raw", "gplmt")
                ),
                goals=(
                    Goal(of="gplmt", memory_mb=60),
                    Goal(of="gplmt, each further connection", memory_mb=40 / 1024),
                ),
            ),
            rounds=3,
        )


def startups(bench: SshBench) -> None:
    """G3: 200 hosts that are one server, which begins to refuse at 10 connections in the making."""
    count = bench.bench.scaled(200)
    contenders = []
    for limit in ("1000", "10:30:100"):
        addresses = bench.lab.start_server(max_startups=limit)
        nodes = [addresses[number % len(addresses)] for number in range(count)]
        contenders.append(
            bench.gplmt(
                nodes, run("true"), name=f"gplmt, MaxStartups {limit}", check=bench.has_run(count)
            )
        )
    bench.bench.compare(
        Comparison(
            title=f"G3 {count} hosts, one server at {len(addresses)} addresses; no failure",
            contenders=contenders,
        ),
        rounds=3,
    )


SCENARIOS: Mapping[str, Callable[[SshBench], None]] = {
    "connect-1": partial(connect, hosts=1, rounds=11),
    "connect-50": partial(connect, hosts=50, rounds=7),
    "connect-200": partial(connect, hosts=200, rounds=5),
    "connect-500": partial(connect, hosts=500, rounds=3),
    "startups": startups,
    "commands-50x20": partial(commands, hosts=50, times=20, rounds=5),
    "commands-1x100": partial(commands, hosts=1, times=100, rounds=5),
    "output-200mb": partial(output, hosts=1, megabytes=200, rounds=5),
    "output-50x1mb": partial(output, hosts=50, megabytes=1, rounds=5),
    "put-500mb": partial(copy_file, is_put=True),
    "get-500mb": partial(copy_file, is_put=False),
    "put-50x1mb": put_to_many,
    "tree-2000": partial(put_tree, files=2000, is_far=False, rounds=5),
    "tree-200-20ms": partial(put_tree, files=200, is_far=True, rounds=3),
    "idle-500": idle,
}
