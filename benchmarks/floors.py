"""What gplmt is measured against: the least that a program doing the same would have to do."""

from __future__ import annotations

import asyncio
import sys


async def commands(count: int, at_once: int, stream: int) -> None:
    """Spawn `sh -c true` with asyncio's own means, `at_once` at a time."""
    limit = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with limit:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                "true",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )
            await process.communicate()

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(one())


class Plain:
    """One object per element, as plain as can be."""

    __slots__ = ("attributes", "children", "line", "name", "text")

    def __init__(
        self,
        name: str,
        attributes: dict[str, str],
        text: str | None,
        line: int,
        children: list[Plain],
    ) -> None:
        self.name = name
        self.attributes = attributes
        self.text = text
        self.line = line
        self.children = children


def load_plain(path: str) -> Plain:
    """Parse with lxml, validate, and make one plain object per element."""
    from pathlib import Path

    from lxml import etree

    schema = etree.RelaxNG(
        etree.parse(str(Path(__file__).resolve().parent.parent / "schema" / "gplmt.rng"))
    )
    root = etree.parse(path).getroot()
    schema.assertValid(root)

    def plain(element: etree._Element) -> Plain:
        line = element.sourceline
        return Plain(
            str(element.tag),
            {str(name): str(value) for name, value in element.items()},
            element.text,
            line if isinstance(line, int) else 0,
            [plain(child) for child in element],
        )

    return plain(root)


def load_gplmt(path: str) -> object:
    """Load with all checks."""
    import os
    from datetime import UTC, datetime
    from pathlib import Path

    from gplmt.loading import load

    return load(
        path,
        host_environment=dict(os.environ),
        working_directory=Path.cwd(),
        now=datetime.now(UTC),
    )


def main() -> None:
    """Be the floor that is named."""
    match sys.argv[1:]:
        case ["commands", count, at_once]:
            asyncio.run(commands(int(count), int(at_once), asyncio.subprocess.DEVNULL))
        case ["piped-commands", count, at_once]:
            asyncio.run(commands(int(count), int(at_once), asyncio.subprocess.PIPE))
        case ["load-plain", path]:
            load_plain(path)
        case ["load-gplmt", path]:
            load_gplmt(path)
        case _:
            sys.exit("usage: floors.py commands|piped-commands COUNT AT_ONCE | load-... FILE")


if __name__ == "__main__":
    main()
