"""From words to an exit code: parse, call the command, tell what the user can mend."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gplmt.cli.arguments import Arguments, parse_gplmt, parse_light
from gplmt.cli.streams import prepare_streams, tell
from gplmt.errors import DocumentError, GplmtError

_INTERRUPTED = 130


def call_gplmt(words: Sequence[str]) -> int:
    """Do what the words after `gplmt` ask for; the exit code (LANGUAGE.md 11.3)."""
    return _guarded(parse_gplmt, words)


def call_light(words: Sequence[str]) -> int:
    """Do what the words after `gplmt-light.py` ask for; the exit code."""
    return _guarded(parse_light, words)


def _guarded(parse: Callable[[Sequence[str]], Arguments], words: Sequence[str]) -> int:
    prepare_streams()
    try:
        return _command(parse(words))
    except DocumentError as error:
        tell(str(error))
        return error.exit_code
    except GplmtError as error:
        tell(_as_message(str(error)))
        return error.exit_code
    except KeyboardInterrupt:
        tell("gplmt: interrupted")
        return _INTERRUPTED


def _command(arguments: Arguments) -> int:
    match arguments.command:  # each imports what it needs, and only that
        case "check":
            from gplmt.cli.check import check

            return check(arguments)
        case "plan":
            from gplmt.cli.plan import plan

            return plan(arguments)
        case "ping":
            from gplmt.cli.ping import ping

            return ping(arguments)
        case "cleanup":
            from gplmt.cli.cleanup import cleanup

            return cleanup(arguments)
        case "runs":
            from gplmt.cli.runs import runs

            return runs(arguments)
        case "show":
            from gplmt.cli.show import show

            return show(arguments)
        case "report":
            from gplmt.cli.report import report

            return report(arguments)
        case _:
            from gplmt.cli.run import run

            return run(arguments)


def _as_message(text: str) -> str:
    return text if ": error: " in text else f"gplmt: error: {text}"
