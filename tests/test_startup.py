"""What is not imported on the way to a local hello world: start-up is part of the product."""

from __future__ import annotations

import sys

from tests.support.program import Program, one

# None of them is of use to a local experiment without faults; most cost many milliseconds.
HEAVY = {
    *("asyncssh", "rich", "hypothesis", "isodate", "cryptography"),
    *("difflib", "tempfile", "shutil", "email", "http", "urllib.request", "xml.dom", "json"),
    *("importlib.metadata", "importlib.resources", "pkg_resources", "setuptools"),
    *("dataclasses", "secrets", "hmac", "random", "multiprocessing", "unittest", "tomllib"),
    *("lxml.html", "lxml.objectify", "gplmt.transports.copying", "gplmt.transports.fake"),
    *("gplmt.targets", "xmlrpc", "getpass", "termios"),
}


def modules_after(program: Program, *words: str) -> set[str]:
    """What a call of gplmt has imported in the end."""
    listing = program.scratch / "modules"
    code = (
        "import sys\nfrom gplmt.cli.main import main\ntry: code = main()\n"
        f"finally: open({str(listing)!r}, 'w').write(' '.join(sys.modules))\nsys.exit(code)"
    )
    run = program.call(*words, program=(sys.executable, "-c", code)).wait()
    assert run.exit_code == 0, run.stderr
    return set(listing.read_text().split())


def test_a_local_hello_world_imports_nothing_heavy(program: Program) -> None:
    program.write(one("<run>echo hello</run>"))
    imported = modules_after(program, "run", "experiment.xml")
    assert {"asyncio", "lxml.etree", "gplmt.engine.lifecycle"} <= imported
    assert imported & HEAVY == set()


def test_check_and_plan_import_neither_transports_nor_records(program: Program) -> None:
    program.write(one("<run>echo hello</run>"))
    for command in ("check", "plan"):
        imported = modules_after(program, command, "experiment.xml")
        assert imported & HEAVY == set()
        rooms = {name.split(".")[1] for name in imported if name.startswith("gplmt.")}
        assert rooms & {"recording", "transports"} == set()


def test_help_and_version_import_neither_lxml_nor_asyncio(program: Program) -> None:
    for word in ("--help", "--version"):
        assert modules_after(program, word) & {*HEAVY, "lxml", "asyncio", "logging"} == set()
