"""What gplmt costs without a network: start-up, local commands, loading."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measuring import Comparison, Contender, Goal
from benchmarks.workbench import Workbench

TOP = Path(__file__).resolve().parent.parent
LIGHT = str(TOP / "gplmt-light.py")
_FLOORS = str(Path(__file__).resolve().parent / "floors.py")


def startup(bench: Workbench) -> None:
    """G1: a local hello world against the imports that no such program can avoid."""
    if find_spec("rnc2rng"):
        print("note: lxml imports rnc2rng where it is installed, which flatters the ratio")
    imports = "import argparse, asyncio, logging, lxml.etree"
    hello = str(TOP / "examples" / "hello_world.xml")
    bench.compare(
        Comparison(
            title="G1 local hello world",
            contenders=(
                Contender(name="bare imports", command=[sys.executable, "-c", imports]),
                Contender(name="gplmt", command=[sys.executable, LIGHT, hello]),
            ),
            goals=(Goal(of="gplmt", against="bare imports", wall=2, cpu=2),),
        ),
        rounds=21,
    )


def local_commands(bench: Workbench) -> None:
    """G12: 1,000 times `true` on a local target, in sequence and 64 at once."""
    count = bench.scaled(1000)
    for at_once in (1, 64):
        document = bench.directory / f"commands_{at_once}.xml"
        document.write_text(_commands_document(count, at_once))
        dropped, piped = (
            [sys.executable, _FLOORS, floor, str(count), str(at_once)]
            for floor in ("commands", "piped-commands")
        )
        bench.compare(
            Comparison(
                title=f"G12 {count} local commands, {at_once} at a time",
                contenders=(
                    Contender(name="asyncio, output dropped", command=dropped),
                    Contender(name="asyncio, output to pipes", command=piped),
                    Contender(
                        name="gplmt", command=[sys.executable, LIGHT, str(document), "--quiet"]
                    ),
                ),
                goals=(Goal(of="gplmt", against="asyncio, output dropped", wall=1.5, cpu=1.5),),
            ),
            rounds=5,
        )


def loading(bench: Workbench) -> None:
    """G13: load 100,000 steps and 100,000 runs; a quarter of that shows how it grows."""
    for count in (bench.scaled(25_000), bench.scaled(100_000)):
        document = bench.directory / f"steps_{count}.xml"
        document.write_text(_steps_document(count))
        plain, ours = (
            [sys.executable, _FLOORS, floor, str(document)]
            for floor in ("load-plain", "load-gplmt")
        )
        bench.compare(
            Comparison(
                title=f"G13 load {count} steps and runs",
                contenders=(
                    Contender(name="parse, validate, plain objects", command=plain),
                    Contender(name="gplmt, loaded", command=ours),
                ),
                goals=(
                    Goal(
                        of="gplmt, loaded",
                        against="parse, validate, plain objects",
                        wall=1.3,
                        cpu=1.3,
                        memory_mb=300,
                    ),
                ),
            ),
            rounds=5,
        )


def _commands_document(count: int, at_once: int) -> str:
    runs = "<run>true</run>" * count
    tasks = runs if at_once == 1 else f'<par max-parallel="{at_once}">{runs}</par>'
    return (
        '<experiment><targets><target name="here" type="local"/></targets>'
        f'<tasklists><tasklist name="work">{tasks}</tasklist></tasklists>'
        '<steps><step tasklist="work" targets="here"/></steps></experiment>'
    )


def _steps_document(count: int) -> str:
    runs = "".join(f"<run>echo {number}</run>\n" for number in range(count))
    steps = '<step tasklist="work" targets="here"/>\n' * count
    return (
        '<experiment>\n<targets><target name="here" type="local"/></targets>\n'
        f'<tasklists><tasklist name="work">\n{runs}</tasklist></tasklists>\n'
        f"<steps>\n{steps}</steps>\n</experiment>\n"
    )


SCENARIOS: Mapping[str, Callable[[Workbench], None]] = {
    "startup": startup,
    "local-commands": local_commands,
    "loading": loading,
}
