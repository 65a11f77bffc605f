"""sdist and wheel hold all that is needed, and what they install runs outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from gplmt import __version__
from tests.support.program import ROOT, one

NOT_COPIED = (".*", "__pycache__", "build", "dist", "*.egg-info", "gplmt-runs", "tests", "docs")
SCHEMA = ("gplmt.rnc", "gplmt.rng", "schemas.xml")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_{}(sys.argv[1])"
BUILDS_WHEELS = """
try: import setuptools.command.bdist_wheel
except ImportError: import wheel
"""


class Archives(NamedTuple):
    """An sdist of this checkout, and a wheel that was built from that sdist alone."""

    sdist: Path
    wheel: Path


def call(*words: str | Path, cwd: Path) -> str:
    """Call a program that must succeed, and knows nothing of the checkout; its stdout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    called = subprocess.run(  # noqa: S603
        [str(word) for word in words],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert called.returncode == 0, called.stdout + called.stderr
    return called.stdout


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    tried = subprocess.run([sys.executable, "-c", BUILDS_WHEELS], check=False, capture_output=True)  # noqa: S603
    if tried.returncode:
        pytest.skip("NO INSTALLATION TESTED: building a wheel needs setuptools 70.1 or newer")
    scratch = tmp_path_factory.mktemp("built")
    checkout = scratch / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*NOT_COPIED))
    call(sys.executable, "-c", BUILD.format("sdist"), scratch, cwd=checkout)
    (sdist,) = scratch.glob("*.tar.gz")
    call("tar", "-xzf", sdist, cwd=scratch)
    unpacked = scratch / sdist.name.removesuffix(".tar.gz")
    call(sys.executable, "-c", BUILD.format("wheel"), scratch, cwd=unpacked)
    (wheel,) = scratch.glob("*.whl")
    return Archives(sdist, wheel)


def test_the_archives_hold_every_module_the_schema_the_guard_and_the_script(
    archives: Archives,
) -> None:
    package = {
        f"gplmt/{path.relative_to(ROOT / 'gplmt')}"
        for path in (ROOT / "gplmt").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    schema = {f"schema/{name}" for name in ("__init__.py", *SCHEMA)}
    assert {"gplmt/py.typed", "gplmt/transports/guard.sh"} <= package
    with tarfile.open(archives.sdist) as sdist:
        packed = {name.partition("/")[2] for name in sdist.getnames()}
    files = ("LICENSE", "README.md", "pyproject.toml", "setup.cfg", "gplmt-light.py")
    assert {*files, *package, *schema} - packed == set()
    with zipfile.ZipFile(archives.wheel) as wheel:
        installed = set(wheel.namelist())
    data = f"gplmt-{__version__}.data/scripts/gplmt-light.py"
    assert {data, *package, *(f"gplmt/{name}" for name in schema)} - installed == set()
    tops = {name.partition("/")[0] for name in installed}
    assert tops == {"gplmt", f"gplmt-{__version__}.data", f"gplmt-{__version__}.dist-info"}


def test_the_installed_program_runs_outside_of_the_checkout(
    archives: Archives, tmp_path: Path
) -> None:
    """With nothing but the wheel and its dependencies, which this environment lends."""
    environment = tmp_path / "environment"
    call(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    python = environment / "bin" / "python"
    install = ("install", "-q", "--no-deps", "--no-index", "--no-compile", archives.wheel)
    call(sys.executable, "-m", "pip", "-q", "--python", python, *install, cwd=tmp_path)
    (site,) = (environment / "lib").glob("python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("platlib"))

    (tmp_path / "lab.xml").write_text(one("<run>echo hello; echo $0 >&amp;2</run>"))
    scripts = environment / "bin"
    assert call(scripts / "gplmt-light.py", "lab.xml", cwd=tmp_path) == "n1 | hello\n"
    assert call(scripts / "gplmt", "run", "lab.xml", cwd=tmp_path) == "n1 | hello\n"
    assert call(scripts / "gplmt", "check", "lab.xml", cwd=tmp_path).endswith("valid experiment\n")
    assert call(python, "-m", "gplmt", "--version", cwd=tmp_path) == f"gplmt {__version__}\n"
    where = call(scripts / "gplmt", "--schema-path", cwd=tmp_path).strip()
    assert where == str(site / "gplmt" / "schema" / "gplmt.rng")
    assert all(Path(where).with_name(name).is_file() for name in SCHEMA)
