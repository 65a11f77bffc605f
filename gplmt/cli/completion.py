"""Completion: the script for a shell, and the answer to what that asks at each press of TAB.

An answer is made from what can be read, and nothing is started, connected to or written.  Where
nothing can be read, or not in time, there is nothing to complete.
"""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from argcomplete.completers import SuppressCompleter
from argcomplete.finders import ExclusiveCompletionFinder
from argcomplete.lexers import split_line
from argcomplete.shell_integration import shellcode

_PROGRAMS = ("gplmt", "gplmt-light.py")
_MAX_SECONDS = 5  # who waits longer for a TAB has typed the word already

_ENDS_OF_COMMANDS = ("&", ";", "|", "(", "{")
_PATHS_IN_ZSH = """\
# A path that only zsh can expand is one that it has to complete, too.
_gplmt() {
    case $words[CURRENT] in
        '~'* | '$'*) _files ;;
        *) _python_argcomplete "$@" ;;
    esac
}
compdef _gplmt gplmt gplmt-light.py
"""

_Answer = Mapping[str, str]  # completions, and what each is
_Complete = Callable[[str, argparse.Namespace], _Answer]


def script(shell: str) -> str:
    """What bash, zsh or fish evaluates in order to complete gplmt's words."""
    # Whatever gplmt does not complete is not a file name either: so no defaults of bash.
    made = shellcode(_PROGRAMS, shell=shell, complete_arguments=("-o", "nospace"))
    return made + _PATHS_IN_ZSH if shell == "zsh" else made


def complete(parser: argparse.ArgumentParser) -> NoReturn:
    """Answer the shell that has started this process, and end it."""
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(_MAX_SECONDS)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # FILE may be /dev/stdin
    os.environ["_ARGCOMPLETE"] = str(_place_of_program() + 1)
    _set_completers(parser)
    ExclusiveCompletionFinder()(
        parser,
        always_complete_options=False,
        validator=lambda completion, begun: completion.startswith(
            (begun, os.path.expandvars(begun))
        ),
        default_completer=SuppressCompleter(),
    )
    os._exit(1)


def _place_of_program() -> int:
    """The rank of the word that names gplmt: zsh tells a whole line, `cd lab && X=1 gplmt ...`."""
    words = split_line(os.environ["COMP_LINE"], int(os.environ["COMP_POINT"]))[3]
    ends = [place for place, word in enumerate(words) if word.endswith(_ENDS_OF_COMMANDS)]
    start = ends[-1] + 1 if ends else 0
    names = [Path(word).name for word in words[start:]]
    return next((start + names.index(name) for name in _PROGRAMS if name in names), 0)


def _set_completers(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _set_completers(command)
        elif (find := completion_of(action)) is not None:
            action.completer = _completer(find)  # type: ignore[attr-defined]


def completion_of(action: argparse.Action) -> _Complete | None:
    """How the values of an argument or option are completed, by what help calls them.

    None for those that have choices, and those of which nothing is known.
    """
    if action.dest == "file" and action.metavar == "FILE":
        return _experiments
    return _COMPLETIONS.get(str(action.metavar))


def _completer(find: _Complete) -> Callable[..., _Answer]:
    def completer(*, prefix: str, parsed_args: argparse.Namespace, **_: object) -> _Answer:
        with suppress(OSError, ValueError, RuntimeError):  # RuntimeError: ~nobody
            return find(prefix, parsed_args)
        return {}

    return completer


def _experiments(prefix: str, _: argparse.Namespace) -> _Answer:
    """XML files and directories; all files where that leaves nothing."""
    paths = _paths(prefix)
    likely = [path for path in paths if path.lower().endswith((".xml", "/"))]
    return dict.fromkeys(likely or paths, "")


def _files(prefix: str, _: argparse.Namespace) -> _Answer:
    return dict.fromkeys(_paths(prefix), "")


def _directories(prefix: str, _: argparse.Namespace) -> _Answer:
    return {path: "" for path in _paths(prefix) if path.endswith("/")}


def _paths(prefix: str) -> list[str]:
    """What a path that is begun so may become, directories with a slash at the end."""
    if os.environ["_ARGCOMPLETE_SHELL"] != "fish":
        prefix = os.path.expandvars(prefix)  # argcomplete would quote the dollar sign
    begun = prefix.rpartition("/")[2]
    place = prefix.removesuffix(begun)
    with os.scandir(_expanded(place)) as entries:
        return sorted(
            f"{place}{entry.name}{'/' if entry.is_dir() else ''}"
            for entry in entries
            if entry.name.startswith(begun) and _is_shown(entry.name, begun)
        )


def _is_shown(name: str, begun: str) -> bool:
    """Whether a file is no hidden one, and has a name that arrives in the shell as it is."""
    return name.isprintable() and (begun.startswith(".") or not name.startswith("."))


def _targets(_: str, given: argparse.Namespace) -> _Answer:
    """The targets of the experiment, as it names them."""
    from gplmt.loading.declared import declared_targets

    return declared_targets(
        _expanded(given.file or ""),
        include_directories=[_expanded(directory) for directory in given.include_dir],
        host_environment=os.environ,
    )


def _recorded(prefix: str, given: argparse.Namespace) -> _Answer:
    """The targets, tasklists and tasks that the record of a run tells of."""
    from gplmt.recording.mentioned import mentioned_names

    record = Path(_expanded(given.file or ""), "events.jsonl")
    return mentioned_names(record, begun=prefix, among=given.names or ())


def _expanded(path: str) -> str:
    """A path as the shell would hand it over."""
    return str(Path(os.path.expandvars(path)).expanduser())


_COMPLETIONS: Mapping[str, _Complete] = {
    "FILE": _files,
    "DIR": _directories,
    "RUNDIR": _directories,
    "NAME": _targets,
    "TARGET|TASK": _recorded,
}
