"""One command for all benchmarks; scenarios by name."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measuring import compare

_TOP = Path(__file__).resolve().parent.parent
_LIGHT = str(_TOP / "gplmt-light.py")
_FLOORS = str(Path(__file__).resolve().parent / "floors.py")


def startup(directory: Path) -> None:
    """G1: a local hello world against the imports that no such program can avoid."""
    if find_spec("rnc2rng"):
        print("note: lxml imports rnc2rng where it is installed, which flatters the ratio")
    hello = str(_TOP / "examples" / "hello_world.xml")
    compare(
        "G1 local hello world",
        {
            "bare imports": [
                sys.executable,
                "-c",
                "import argparse, asyncio, logging, lxml.etree",
            ],
            "gplmt-light.py hello_world.xml": [sys.executable, _LIGHT, hello],
        },
        rounds=21,
        directory=str(directory),
        goal="at most 2 times, wall and CPU",
    )


def local_commands(directory: Path) -> None:
    """G12: 1,000 times `true` on a local target, in sequence and 64 at once."""
    for at_once in (1, 64):
        document = directory / f"commands_{at_once}.xml"
        document.write_text(_commands_document(1000, at_once))
        compare(
            f"G12 1,000 local commands, {at_once} at a time",
            {
                "asyncio, output dropped": [
                    sys.executable,
                    _FLOORS,
                    "commands",
                    "1000",
                    str(at_once),
                ],
                "asyncio, output to pipes": [
                    sys.executable,
                    _FLOORS,
                    "piped-commands",
                    "1000",
                    str(at_once),
                ],
                "gplmt": [sys.executable, _LIGHT, str(document), "--quiet"],
            },
            rounds=5,
            directory=str(directory),
            goal="at most 1.5 times asyncio's own, wall and CPU",
        )


def loading(directory: Path) -> None:
    """G13: load 100,000 steps and 100,000 runs; a quarter of that shows how it grows."""
    for count in (25_000, 100_000):
        document = directory / f"steps_{count}.xml"
        document.write_text(_steps_document(count))
        compare(
            f"G13 load {count} steps and runs",
            {
                "parse, validate, plain objects": [
                    sys.executable,
                    _FLOORS,
                    "load-plain",
                    str(document),
                ],
                "gplmt, loaded": [sys.executable, _FLOORS, "load-gplmt", str(document)],
            },
            rounds=5,
            directory=str(directory),
            goal="at most 1.3 times, wall and CPU; 300 MB",
        )


SCENARIOS: dict[str, Callable[[Path], None]] = {
    "startup": startup,
    "local-commands": local_commands,
    "loading": loading,
}


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


def main() -> None:
    """Run the scenarios that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("scenario", nargs="*", help=f"of {', '.join(SCENARIOS)}")
    names = parser.parse_args().scenario or list(SCENARIOS)
    if unknown := [name for name in names if name not in SCENARIOS]:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory(prefix="gplmt-benchmark-") as directory:
        for name in names:
            SCENARIOS[name](Path(directory))


if __name__ == "__main__":
    main()
