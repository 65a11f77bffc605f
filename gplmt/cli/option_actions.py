"""What options do as soon as they are read."""

from __future__ import annotations

import argparse

from gplmt.cli.streams import show


class PrintCompletion(argparse.Action):
    """As `--version`: prints, and leaves."""

    def __call__(
        self, parser: argparse.ArgumentParser, _: object, shell: object, *__: object
    ) -> None:
        """Print the script for a shell.

        Raises:
            OutputError: it could not be printed.
        """
        from gplmt.cli.completion import script

        show(script(str(shell)))
        parser.exit()


class PrintSchemaPath(argparse.Action):
    """As `--version`: prints, and leaves."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print where the schema is.

        Raises:
            OutputError: it could not be printed.
        """
        from gplmt.loading.schema import shipped_schema

        show(str(shipped_schema()))
        parser.exit()
