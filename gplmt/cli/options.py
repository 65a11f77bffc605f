"""The options of each command."""

from __future__ import annotations

import argparse

from gplmt.cli import option_values
from gplmt.language.values import HostKeyChecking
from gplmt.protocols import SshSettings


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", type=option_values.path, help="the experiment, an XML file"
    )
    parser.add_argument(
        "-C",
        "--directory",
        metavar="DIR",
        type=option_values.path,
        default=".",
        help="where local commands start and relative put and get paths lead (default: here)",
    )
    parser.add_argument(
        "-I",
        "--include-dir",
        metavar="DIR",
        type=option_values.path,
        action="append",
        default=[],
        help="where to look for included files that are not beside their document; repeatable",
    )
    parser.add_argument(
        "--rng",
        metavar="FILE",
        type=option_values.path,
        help="validate with this RELAX NG schema, not gplmt's own",
    )


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    _add_source_options(parser)
    _add_log_root(parser, "where run directories are made (default: gplmt-runs)")
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
        type=option_values.seconds,
        default=5.0,
        help="how long a command that is stopped may take to end before it is killed (default: 5)",
    )
    _add_display_options(parser)
    parser.add_argument(
        "--progress",
        choices=["auto", "live", "lines", "off"],
        default="auto",
        help="how to tell how far the run is: a live view, lines, or not at all (default: live "
        "on a terminal, else lines; off with --quiet)",
    )
    _add_result_options(parser)
    _add_ssh_options(parser)
    parser.add_argument(
        "--lease",
        metavar="SECONDS",
        type=option_values.lease,
        default=SshSettings().lease_seconds,
        help="how long a node and gplmt hear nothing of each other before the connection counts "
        "as lost, and the node stops its commands (default: %(default)g)",
    )


def _add_result_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("when it has ended")
    group.add_argument(
        "--no-report",
        dest="report",
        action="store_false",
        help="do not write report.html into the run directory",
    )
    group.add_argument(
        "--junit",
        metavar="FILE",
        type=option_values.path,
        help="write a JUnit XML report, for CI servers, into this file",
    )
    group.add_argument(
        "--notify",
        metavar="COMMAND",
        type=option_values.command,
        help="run this shell command, however the run has ended, with GPLMT_OUTCOME (ok, failed, "
        "interrupted), GPLMT_RUN_DIR and GPLMT_EXPERIMENT in its environment",
    )
    group.add_argument(
        "--notify-url",
        metavar="URL",
        type=option_values.url,
        help="post a small JSON document about the run there",
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
    _add_run_directory(parser)
    _add_display_options(parser)
    _add_login_options(parser)


def _add_display_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="command output goes to the log files only"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="tell of what starts, fails and ends, at once"
    )


def _add_login_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("ssh targets")
    group.add_argument(
        "--batch",
        action="store_true",
        help="never ask for a password or passphrase, but do without (default: ask on the "
        "terminal, before anything runs)",
    )
    group.add_argument(
        "--ssh-config",
        metavar="FILE",
        type=option_values.path,
        help="the OpenSSH client configuration to use (default: the user's and the system's)",
    )
    group.add_argument(
        "--host-key-checking",
        metavar="POLICY",
        choices=[policy.value for policy in HostKeyChecking],
        help="what to do with a host key that is not known: strict (refuse it), accept-new (record "
        "it) or off (believe it) (default: what FILE or the configuration says, else strict)",
    )
    return group


def _add_ssh_options(parser: argparse.ArgumentParser) -> None:
    group = _add_login_options(parser)
    group.add_argument(
        "--ssh-parallelism",
        metavar="N",
        type=option_values.count,
        default=SshSettings().parallelism,
        help="how many connections are opened at a time (default: %(default)s)",
    )
    group.add_argument(
        "--ssh-cooldown",
        metavar="SECONDS",
        type=option_values.seconds,
        default=SshSettings().cooldown_seconds,
        help="how long to wait between two openings (default: %(default)g)",
    )


def _add_runs_options(parser: argparse.ArgumentParser) -> None:
    _add_log_root(parser, "where the run directories are (default: gplmt-runs)")
    parser.add_argument(
        "--json", action="store_true", help="print JSON, for programs, instead of a table"
    )


def _add_show_options(parser: argparse.ArgumentParser) -> None:
    _add_run_directory(parser)
    parser.add_argument(
        "names",
        metavar="TARGET|TASK",
        nargs="*",
        help="show the output of this target, tasklist or task (`task` or `tasklist.task`); "
        "several narrow it down",
    )


def _add_report_options(parser: argparse.ArgumentParser) -> None:
    _add_run_directory(parser)
    parser.add_argument(
        "--format",
        choices=["html", "junit", "trace"],
        default="html",
        help="a page (report.html), JUnit XML (junit.xml), or a Chrome trace (trace.json) "
        "(default: html)",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=option_values.path,
        help="where to write it, - for standard output (default: into the run directory)",
    )


def _add_run_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="RUNDIR", type=option_values.path, help="a run, like gplmt-runs/latest"
    )


def _add_log_root(parser: argparse.ArgumentParser, about: str) -> None:
    parser.add_argument(
        "--logroot-dir",
        metavar="DIR",
        type=option_values.path,
        default="gplmt-runs",
        help=about,
    )


ADD_OPTIONS = {
    "run": _add_run_options,
    "check": _add_source_options,
    "plan": _add_source_options,
    "ping": _add_ping_options,
    "cleanup": _add_cleanup_options,
    "runs": _add_runs_options,
    "show": _add_show_options,
    "report": _add_report_options,
}
