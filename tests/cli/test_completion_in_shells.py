"""Completion at a press of TAB in real shells, after what the reference tells to evaluate."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.shells import Shell, install
from tests.support.ssh.places import need_program

LAB = """
<experiment>
  <targets>
    <target name="alice" type="local"/>
    <target name="rack1" type="group"><target name="node1" type="local"/></target>
  </targets>
</experiment>
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """That of a shell, with gplmt on its PATH; its HOME is where it starts, and has a lab."""
    (tmp_path / "lab.xml").write_text(LAB)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "old labs").mkdir()
    (tmp_path / "old labs" / "first lab.xml").write_text(LAB)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "events.jsonl").write_text('{"target":"alice","task":"ping"}\n')
    return install(tmp_path / "bin")


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_tab_completes_the_line(name: str, tmp_path: Path, environment: dict[str, str]) -> None:
    need_program(name, package=name, untested=f"COMPLETION IN {name.upper()}")
    with Shell(name, tmp_path, environment) as shell:
        assert shell.completed("gplmt che") == "gplmt check "
        assert shell.completed("gplmt run lab.xml --verb") == "gplmt run lab.xml --verbose "
        assert shell.completed("gplmt-light.py la") == "gplmt-light.py lab.xml "
        assert shell.completed("gplmt run ~/la") == "gplmt run ~/lab.xml "
        assert shell.completed("gplmt run o") == r"gplmt run old\ labs/"
        assert shell.completed(r"gplmt run old\ labs/") == r"gplmt run old\ labs/first\ lab.xml "
        ping = "gplmt ping lab.xml --target"
        assert shell.completed(f"{ping} ra") == f"{ping} rack1 "
        assert shell.completed(f"{ping}=ra") == f"{ping}=rack1 "
        assert shell.completed(f"true && LC_ALL=C {ping} ra") == f"true && LC_ALL=C {ping} rack1 "
        assert shell.completed("gplmt show run al") == "gplmt show run alice "
        assert shell.completed("gplmt ping notes.txt --target ") == "gplmt ping notes.txt --target "
        assert shell.completed("gplmt ping lab.xml -I no") == "gplmt ping lab.xml -I no"
        line, shown = shell.after(f"{ping} ")
        assert line == f"{ping} "
        assert [name for name in ("alice", "node1", "rack1") if name not in shown] == []
        assert "rror" not in shown


def test_fish_completes_the_line(tmp_path: Path, environment: dict[str, str]) -> None:
    fish = need_program("fish", package="fish", untested="COMPLETION IN FISH")
    lines = {
        "gplmt che": ["check"],
        "gplmt run lab.xml --verb": ["--verbose"],
        "gplmt-light.py la": ["lab.xml"],
        "gplmt run ~/la": ["~/lab.xml"],
        "gplmt run $HOME/la": ["$HOME/lab.xml"],
        "gplmt run o": ["old labs/"],
        r"gplmt run old\ labs/": ["old labs/first lab.xml"],
        "gplmt ping lab.xml --target ": ["alice", "node1", "rack1"],
        "gplmt ping lab.xml --target=ra": ["--target=rack1"],
        "true; LC_ALL=C gplmt ping lab.xml --target ra": ["rack1"],
        "gplmt show run al": ["alice"],
        "gplmt ping notes.txt --target ": [],
    }
    asking = "".join(f"echo ':'; complete -C '{line}'; " for line in lines)
    asked = subprocess.run(  # noqa: S603
        [fish, "--no-config", "-c", f"gplmt --print-completion fish | source; {asking}"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert asked.stderr == ""
    offered = [part.splitlines() for part in asked.stdout.split(":\n")[1:]]
    names = [[line.partition("\t")[0] for line in part] for part in offered]
    assert dict(zip(lines, names, strict=True)) == lines
