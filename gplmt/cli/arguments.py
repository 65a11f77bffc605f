"""The command line: what may be given, and what it means."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gplmt import __version__
from gplmt.language.values import HostKeyChecking
from gplmt.protocols import SshSettings

_LEAST_LEASE_SECONDS = 3
_MOST_OPENINGS = 10_000
_LEAST_WIDTH = 40
_USUAL_WIDTH = 98
_RUN_EXAMPLES = """\
examples:
  %(prog)s examples/hello_world.xml          run an experiment
  %(prog)s lab.xml --dry-run                 show what would happen
  %(prog)s lab.xml -C /scratch --quiet       run in another directory, output to logs only
  %(prog)s lab.xml -I ~/gplmt/lib            look there for included files, too

exit codes: 0 all well, 1 something failed, 2 the document or the command line is wrong,
3 the experiment could not be set up, 128+N ended by signal N
"""
_PING_EXAMPLES = """\
examples:
  %(prog)s lab.xml                           see which targets answer
  %(prog)s lab.xml --accept-new              record host keys that are not known
  %(prog)s lab.xml --target 'rack1.*'        ask some targets only
  %(prog)s lab.xml --json | jq -r '.[] | select(.reachable | not) | .target'

exit codes: 0 all answered, 1 some did not, 2 the document or the command line is wrong, 3 it could
not be set up, 128+N ended by signal N
"""
_CLEANUP_EXAMPLES = """\
examples:
  %(prog)s gplmt-runs/latest                 after a crash, or what a second Ctrl-C cut short
  DB_PASSWORD=... %(prog)s gplmt-runs/latest a variable that a teardown takes from outside

Stops what is still alive on the targets, runs the cleanups and teardowns that have not been run,
and removes the files that were to go.  When nothing is left to be done, it says so.

exit codes: 0 nothing is left to be done, 1 something failed or is left, 2 there is no such run,
3 it is still running or could not be set up, 128+N ended by signal N
"""
_EXAMPLES = """\
examples:
  %(prog)s run examples/hello_world.xml      run an experiment
  %(prog)s check lab.xml                     find its faults, all at once
  %(prog)s plan lab.xml                      show what would happen
  %(prog)s ping lab.xml                      see which targets answer
  %(prog)s cleanup gplmt-runs/latest         clean up after a run that was killed

`gplmt COMMAND --help` tells the options of a command.
"""


class Arguments(Struct, frozen=True, kw_only=True):
    """What was asked for; `words` as they were typed. What has a default is for some commands.

    `file` is the experiment, for `cleanup` the directory of a run.
    """

    command: str
    words: tuple[str, ...]
    file: str
    directory: Path = Path()
    include_directories: tuple[str, ...] = ()
    rng: str | None = None
    log_root: Path = Path("gplmt-runs")
    grace_seconds: float = 5.0
    ssh: SshSettings = SshSettings()
    is_quiet: bool = False
    is_verbose: bool = False
    targets: tuple[str, ...] = ()
    is_json: bool = False


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Is told the width, as argparse makes one for every option and asks shutil each time.

    shutil brings all its archive formats along, which costs more than parsing the arguments.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_width())


@cache
def _width() -> int:
    try:
        return max(os.get_terminal_size().columns - 2, _LEAST_WIDTH)
    except OSError:  # stdout is no terminal, or closed
        return _USUAL_WIDTH


def parse_gplmt(words: Sequence[str]) -> Arguments:
    """The arguments of `gplmt`; leaves with 2 and a message if they are wrong."""
    parser = _parser("gplmt", "Run experiments on many machines from one file.", _EXAMPLES)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, about, examples in (
        ("run", "run an experiment", _RUN_EXAMPLES),
        ("check", "check an experiment or a library, and all it includes", None),
        ("plan", "show what a run would do, without doing it (the dry run)", None),
        ("ping", "connect to all targets, and show which answer, and how", _PING_EXAMPLES),
        ("cleanup", "do what a run that ended too early has left undone", _CLEANUP_EXAMPLES),
    ):
        command = commands.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=examples,
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        _ADD_OPTIONS[name](command)
    return _to_arguments(parser, words)


def parse_light(words: Sequence[str]) -> Arguments:
    """The arguments of `gplmt-light.py`, those of `gplmt run`."""
    parser = _parser("gplmt-light.py", "Run an experiment.", _RUN_EXAMPLES)
    parser.set_defaults(command="run")
    _add_run_options(parser)
    return _to_arguments(parser, words)


def _parser(program: str, about: str, examples: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description=about,
        epilog=examples,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"gplmt {__version__}")
    return parser


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=_path, help="the experiment")
    parser.add_argument(
        "-C",
        "--directory",
        metavar="DIR",
        type=_path,
        default=".",
        help="where local commands start and relative put and get paths lead (default: here)",
    )
    parser.add_argument(
        "-I",
        "--include-dir",
        metavar="DIR",
        type=_path,
        action="append",
        default=[],
        help="where to look for included files that are not beside their document; repeatable",
    )
    parser.add_argument(
        "--rng",
        metavar="FILE",
        type=_path,
        help="validate with this RELAX NG schema, not gplmt's own",
    )


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    _add_source_options(parser)
    parser.add_argument(
        "--logroot-dir",
        metavar="DIR",
        type=_path,
        default="gplmt-runs",
        help="where run directories are made (default: gplmt-runs)",
    )
    parser.add_argument(
        "-d",
        "--dry",
        "--dry-run",
        dest="dry",
        action="store_true",
        help="show what would happen, and stop; as `gplmt plan`",
    )
    parser.add_argument(
        "--grace",
        metavar="SECONDS",
        type=_seconds,
        default=5.0,
        help="how long a command that is stopped may take to end before it is killed (default: 5)",
    )
    _add_display_options(parser)
    _add_ssh_options(parser)
    parser.add_argument(
        "--lease",
        metavar="SECONDS",
        type=_lease,
        default=SshSettings().lease_seconds,
        help="how long a node and gplmt hear nothing of each other before the connection counts "
        "as lost, and the node stops its commands (default: %(default)g)",
    )


def _add_ping_options(parser: argparse.ArgumentParser) -> None:
    _add_source_options(parser)
    parser.add_argument(
        "--target",
        metavar="NAME",
        dest="targets",
        action="append",
        default=[],
        help="ask only this target or group, or those that this pattern matches; repeatable",
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON, for programs, instead of a table"
    )
    _add_ssh_options(parser)
    parser.add_argument(
        "--accept-new",
        dest="host_key_checking",
        action="store_const",
        const=HostKeyChecking.ACCEPT_NEW.value,
        help="record host keys that are not known; the same as --host-key-checking accept-new",
    )
    parser.set_defaults(lease=SshSettings().lease_seconds)


def _add_cleanup_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="RUNDIR", type=_path, help="the directory of the run")
    _add_display_options(parser)
    _add_login_options(parser)


_ADD_OPTIONS = {
    "run": _add_run_options,
    "check": _add_source_options,
    "plan": _add_source_options,
    "ping": _add_ping_options,
    "cleanup": _add_cleanup_options,
}


def _add_display_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="command output goes to the log files only"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="tell of every step that starts and ends"
    )


def _add_login_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("ssh targets")
    group.add_argument("--batch", action="store_true", help="never ask anything")
    group.add_argument(
        "--ssh-config",
        metavar="FILE",
        type=_path,
        help="the OpenSSH client configuration to use (default: the user's and the system's)",
    )
    group.add_argument(
        "--host-key-checking",
        choices=[policy.value for policy in HostKeyChecking],
        help="what to do with a host key that is not known (default: strict)",
    )
    return group


def _add_ssh_options(parser: argparse.ArgumentParser) -> None:
    group = _add_login_options(parser)
    group.add_argument(
        "--ssh-parallelism",
        metavar="N",
        type=_count,
        default=SshSettings().parallelism,
        help="how many connections are opened at a time (default: %(default)s)",
    )
    group.add_argument(
        "--ssh-cooldown",
        metavar="SECONDS",
        type=_seconds,
        default=SshSettings().cooldown_seconds,
        help="how long to wait between two openings (default: %(default)g)",
    )


def _seconds(text: str) -> float:
    with suppress(ValueError):
        seconds = float(text)
        if 0 <= seconds < math.inf:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 up")


def _lease(text: str) -> float:
    seconds = _seconds(text)
    if seconds < _LEAST_LEASE_SECONDS:
        problem = f"{text!r} is too short; give at least {_LEAST_LEASE_SECONDS} seconds"
        raise argparse.ArgumentTypeError(problem)
    return seconds


def _count(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST_OPENINGS:
        return int(text)
    problem = f"{text!r} is not a whole number from 1 to {_MOST_OPENINGS}"
    raise argparse.ArgumentTypeError(problem)


def _path(text: str) -> str:
    """Refuse what a shell makes of a variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; give a path")
    return text


def _to_arguments(parser: argparse.ArgumentParser, words: Sequence[str]) -> Arguments:
    given = parser.parse_args(words)
    if given.command == "cleanup":
        return Arguments(
            command=given.command,
            words=tuple(words),
            file=given.file,
            ssh=_to_login_settings(given),
            is_quiet=given.quiet,
            is_verbose=given.verbose,
        )
    source = Arguments(
        command=given.command,
        words=tuple(words),
        file=given.file,
        directory=Path(given.directory),
        include_directories=tuple(given.include_dir),
        rng=given.rng,
    )
    if given.command == "ping":
        ssh = _to_ssh_settings(given)
        return replace(source, ssh=ssh, targets=tuple(given.targets), is_json=given.json)
    if given.command != "run":
        return source
    return replace(
        source,
        command="plan" if given.dry else "run",
        log_root=Path(given.logroot_dir),
        grace_seconds=given.grace,
        ssh=_to_ssh_settings(given),
        is_quiet=given.quiet,
        is_verbose=given.verbose,
    )


def _to_login_settings(given: argparse.Namespace) -> SshSettings:
    checking = given.host_key_checking
    return SshSettings(
        config_file=None if given.ssh_config is None else Path(given.ssh_config),
        host_key_checking=None if checking is None else HostKeyChecking(checking),
        is_batch=given.batch,
    )


def _to_ssh_settings(given: argparse.Namespace) -> SshSettings:
    return replace(
        _to_login_settings(given),
        parallelism=given.ssh_parallelism,
        cooldown_seconds=given.ssh_cooldown,
        lease_seconds=given.lease,
    )
