"""put, get and remove on local targets: copies within the execution host (LANGUAGE.md 6.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TypeVar

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.journals import CopyJournal
from gplmt.protocols import Copied
from gplmt.transports.copying_ground import Ground
from gplmt.transports.copying_places import expand, node_path, place, says_into
from gplmt.transports.copying_trees import TreeCopy, remove_created

_T = TypeVar("_T")


async def put(
    sources: Sequence[Path],
    destination: str,
    *,
    directory: Path,
    journal: CopyJournal,
    arrivals: Arrivals,
) -> Copied:
    """Copy `sources` to `destination`, a path relative to `directory` or to `~/`.

    Where they go is told by `copying_places.place`.  A put that fails or is cancelled takes back
    what it created, so that it can be tried again; files that it had replaced stay replaced.

    Raises:
        CopyError: the reason, naming the path.
    """
    ground = Ground(arrivals)
    copy = TreeCopy(Event(), journal, ground)

    def work() -> Copied:
        target = node_path(destination, directory)
        places = place(sources, target, into=says_into(destination), ground=ground)
        return _copy_all(copy, places, ground, is_get=False)

    return await _in_thread(work, stop=copy.stop, undo=lambda: remove_created(copy.created, ground))


async def get(
    source: str,
    destination: Path,
    *,
    into: bool,
    directory: Path,
    journal: CopyJournal,
    arrivals: Arrivals,
) -> Copied:
    """Copy what `source`, a path or pattern as for a put's destination, names to `destination`.

    A get that fails or is cancelled keeps the whole files that it has got, as they may be all
    that remains of an experiment; unless they stand in a new directory that is named otherwise
    than its source, which the next try would copy *into*.

    Raises:
        CopyError: the reason, naming the path; nothing matches a pattern.
    """
    ground = Ground(arrivals)
    copy = TreeCopy(Event(), journal, ground)
    is_renamed = False

    def work() -> Copied:
        nonlocal is_renamed
        places = place(expand(source, directory), destination, into=into, ground=ground)
        is_renamed = _is_renamed_tree(places, destination)
        return _copy_all(copy, places, ground, is_get=True)

    def undo() -> None:
        if is_renamed:
            remove_created(copy.created, ground)

    return await _in_thread(work, stop=copy.stop, undo=undo)


async def remove(paths: Sequence[str], *, arrivals: Arrivals) -> tuple[str, ...]:
    """Remove what a put created, given and returned in order of creation; return what is left.

    Directories are removed only when empty, so that what others put there stays.  What does not
    exist counts as removed.  Cancelled, it finishes first.
    """
    created, ground = [Path(path) for path in paths], Ground(arrivals)
    try:
        left = await _in_thread(lambda: remove_created(created, ground), stop=Event())
    except CopyError:  # so everything waits for us
        left = remove_created(created, ground)
    return tuple(str(path) for path in left)


def _copy_all(
    copy: TreeCopy, places: Sequence[tuple[Path, Path]], ground: Ground, *, is_get: bool
) -> Copied:
    copy.tell(places)
    for source, destination in places:
        copy.copy(source, destination, is_received=is_get or ground.has_received(source))
    return Copied(
        files=copy.files, bytes=copy.bytes, created=tuple(str(path) for path in copy.created)
    )


def _is_renamed_tree(places: Sequence[tuple[Path, Path]], destination: Path) -> bool:
    """Whether a new directory gets another name than its source."""
    source, target = places[0]
    return (
        target == destination
        and target.name != source.name
        and source.is_dir()
        and not target.exists()
    )


async def _in_thread(
    work: Callable[[], _T], *, stop: Event, undo: Callable[[], object] = lambda: None
) -> _T:
    """Do `work` in a thread of its own; `undo` it if it fails or the caller is cancelled.

    Not in asyncio's pool, where six writers waiting for the readers of their FIFOs would make
    the readers wait, too.  Cancelling sets `stop`, and waits for the thread to notice.

    Raises:
        CopyError: there can be no thread, as there are too many processes.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="gplmt-copy") as executor:
        try:
            working = loop.run_in_executor(executor, work)
        except RuntimeError as error:
            raise CopyError(f"cannot copy: {error}; there are too many processes") from error
        try:
            try:
                await asyncio.wait((working,))
            finally:
                stop.set()
            return working.result()
        except (Exception, asyncio.CancelledError):
            # After `work`, as there is one thread; also when `work` had just succeeded.
            undoing = loop.run_in_executor(executor, undo)
            await _settled(working)
            await _settled(undoing)
            raise


async def _settled(future: asyncio.Future[_T]) -> None:
    """Wait for the end of `future`, whatever it is and however often this is cancelled."""
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait((future,))
    future.exception()
