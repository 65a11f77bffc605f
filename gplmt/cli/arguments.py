"""What the user asks for on the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gplmt import __version__
from gplmt.cli import epilogs
from gplmt.cli.help_layout import HelpLayout
from gplmt.cli.option_actions import PrintCompletion, PrintSchemaPath
from gplmt.cli.options import ADD_OPTIONS
from gplmt.language.values import HostKeyChecking
from gplmt.protocols import SshSettings

_COMMANDS = (
    ("run", "run an experiment", epilogs.RUN),
    ("check", "check an experiment or a library, and all it includes", epilogs.CHECK),
    ("plan", "show what a run would do, without doing it (the dry run)", epilogs.PLAN),
    ("ping", "connect to all targets, and show which answer, and how", epilogs.PING),
    ("cleanup", "do what a run that ended too early has left undone", epilogs.CLEANUP),
    ("runs", "list runs, with outcome, duration and description", epilogs.RUNS),
    ("show", "show how a run went, and what its commands have printed", epilogs.SHOW),
    ("report", "write what there is to see of a run into a file", epilogs.REPORT),
)


class ProgressMode(Enum):
    """How a run tells how far it is."""

    AUTO = "auto"
    LIVE = "live"
    LINES = "lines"
    OFF = "off"


class ReportFormat(Enum):
    """What `gplmt report` writes."""

    HTML = "html"
    JUNIT = "junit"
    TRACE = "trace"


class Notification(Struct, frozen=True, kw_only=True):
    """Whom to tell at the end of a run."""

    command: str | None = None
    url: str | None = None


class Arguments(Struct, frozen=True, kw_only=True):
    """What was asked for; `words` as they were typed. What has a default is for some commands.

    `file` is the experiment; for `cleanup`, `show` and `report` the directory of a run; nothing
    for `runs`. `output` is None for the usual place.
    """

    command: str
    words: tuple[str, ...]
    file: str = ""
    directory: Path = Path()
    include_directories: tuple[str, ...] = ()
    rng: str | None = None
    log_root: Path = Path("gplmt-runs")
    grace_seconds: float = 5.0
    ssh: SshSettings = SshSettings()
    is_quiet: bool = False
    is_verbose: bool = False
    progress: ProgressMode = ProgressMode.AUTO
    makes_report: bool = True
    junit: Path | None = None
    notification: Notification = Notification()
    targets: tuple[str, ...] = ()
    is_json: bool = False
    names: tuple[str, ...] = ()
    format: ReportFormat = ReportFormat.HTML
    output: str | None = None


def parse_gplmt(words: Sequence[str]) -> Arguments:
    """The arguments of `gplmt`; leaves with 2 and a message if they are wrong."""
    return _to_arguments(gplmt_parser(), words)


def parse_light(words: Sequence[str]) -> Arguments:
    """The arguments of `gplmt-light.py`, those of `gplmt run`."""
    return _to_arguments(light_parser(), words)


def gplmt_parser() -> argparse.ArgumentParser:
    """What `gplmt` takes."""
    parser = _parser("gplmt", "Run experiments on many machines from one file.", epilogs.GPLMT)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, about, epilog in _COMMANDS:
        command = commands.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=epilog,
            formatter_class=HelpLayout,
            allow_abbrev=False,
        )
        ADD_OPTIONS[name](command)
    return parser


def light_parser() -> argparse.ArgumentParser:
    """What `gplmt-light.py` takes."""
    parser = _parser("gplmt-light.py", "Run an experiment.", epilogs.RUN)
    parser.set_defaults(command="run")
    ADD_OPTIONS["run"](parser)
    return parser


def _parser(program: str, about: str, epilog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description=about,
        epilog=epilog,
        formatter_class=HelpLayout,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"gplmt {__version__}")
    parser.add_argument(
        "--schema-path",
        nargs=0,
        action=PrintSchemaPath,
        help="print where the schema is, for editors: gplmt.rng, and gplmt.rnc beside it",
    )
    parser.add_argument(
        "--print-completion",
        choices=["bash", "zsh", "fish"],
        action=PrintCompletion,
        help="print what has this shell complete the words of gplmt; evaluate it at its start",
    )
    return parser


def _to_arguments(parser: argparse.ArgumentParser, words: Sequence[str]) -> Arguments:
    if "_ARGCOMPLETE" in os.environ:  # a shell asks, who has started us at a press of TAB
        from gplmt.cli.completion import complete

        complete(parser)
    given = parser.parse_args(words)
    arguments = Arguments(command=given.command, words=tuple(words))
    match given.command:
        case "run":
            return _of_run(_of_source(arguments, given), given)
        case "ping":
            return replace(
                _of_source(arguments, given),
                ssh=_to_ssh_settings(given),
                targets=tuple(given.targets),
                is_json=given.json,
            )
        case "cleanup":
            return replace(
                arguments,
                file=given.file,
                ssh=_to_login_settings(given),
                is_quiet=given.quiet,
                is_verbose=given.verbose,
            )
        case "runs":
            return replace(arguments, log_root=Path(given.logroot_dir), is_json=given.json)
        case "show":
            return replace(arguments, file=given.file, names=tuple(given.names))
        case "report":
            return replace(
                arguments,
                file=given.file,
                format=ReportFormat(given.format),
                output=given.output,
            )
    return _of_source(arguments, given)


def _of_source(arguments: Arguments, given: argparse.Namespace) -> Arguments:
    return replace(
        arguments,
        file=given.file,
        directory=Path(given.directory),
        include_directories=tuple(given.include_dir),
        rng=given.rng,
    )


def _of_run(arguments: Arguments, given: argparse.Namespace) -> Arguments:
    return replace(
        arguments,
        command="plan" if given.dry else "run",
        log_root=Path(given.logroot_dir),
        grace_seconds=given.grace,
        ssh=_to_ssh_settings(given),
        is_quiet=given.quiet,
        is_verbose=given.verbose,
        progress=ProgressMode(given.progress),
        makes_report=given.report,
        junit=None if given.junit is None else Path(given.junit),
        notification=Notification(command=given.notify, url=given.notify_url),
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
