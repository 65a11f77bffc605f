"""Files, links and whole directories from a node to here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from gplmt.errors import CopyError
from gplmt.journals import CopyJournal
from gplmt.protocols import Copied
from gplmt.transports.copying_bytes import closing
from gplmt.transports.copying_files import FileCopied, refuse_directory, replacement, tell_file
from gplmt.transports.copying_ground import Ground
from gplmt.transports.copying_growth import Growth
from gplmt.transports.copying_names import (
    NodePath,
    failing_as,
    is_temporary,
    refuse_special,
    shown,
)
from gplmt.transports.copying_places import is_entered, name_copies
from gplmt.transports.copying_telling import Telling, is_missing
from gplmt.transports.copying_walks import Spot
from gplmt.transports.ssh.copying_disk import Disk, Entry
from gplmt.transports.ssh.copying_door import NodeFiles
from gplmt.transports.ssh.copying_groups import Crew, in_thread
from gplmt.transports.ssh.copying_places import expand, own_name
from gplmt.transports.ssh.copying_sinks import FileSink, StreamSink, open_through
from gplmt.transports.ssh.copying_stop import Stop
from gplmt.transports.ssh.tar_pipes import tar_slot, unpack
from gplmt.transports.ssh.tar_unpacking import TreeReceiver

_T = TypeVar("_T")


class Get:
    """A get in the making."""

    def __init__(
        self, files: NodeFiles, disk: Disk, stop: Stop, journal: CopyJournal, ground: Ground
    ) -> None:
        self.growth = Growth(Telling(journal), ground)
        self.is_renamed_tree = False
        self._entries: dict[NodePath, Entry] = {}
        self._received: set[NodePath] = set()
        self._node = files
        self._disk = disk
        self._stop = stop

    async def run(self, source: str, destination: Path, *, into: bool) -> Copied:
        """Copy all that `source` names.

        Raises:
            CopyError, ConnectionLostError: the reason, naming the path.
            StoppedError: the copy was asked to stop.
        """
        sources = await expand(self._disk, source, self._stop)
        places = await self._place(sources, destination, into=into)
        self.growth.telling.writing(path for _, path in places)
        with failing_as("write", places[0][1]):
            await in_thread(self.growth.make_parents, places[0][1].parent)
        await in_thread(self.growth.tell_new, [path for _, path in places])
        try:
            crew = Crew(self._disk.at_once, self._stop)
            for path, target in places:
                crew.add(partial(self._get, crew, path, target))
            await crew.work()
        finally:
            self.growth.set_modes()
        return Copied(
            files=self.growth.files,
            bytes=self.growth.bytes,
            created=tuple(str(path) for path in self.growth.created),
        )

    async def _place(
        self, sources: Sequence[NodePath], destination: Path, *, into: bool
    ) -> Sequence[tuple[NodePath, Path]]:
        """Each source with the very path that its copy shall have; see `copying_places.place`."""
        names = [(source, await own_name(self._disk, source)) for source in sources]
        if into or len(sources) > 1:
            return name_copies(names, destination)
        source, name = names[0]
        is_directory = (await self._look(source)).is_directory
        exists = self.growth.ground.is_directory(destination)
        if exists and is_entered(destination, name=name, is_directory=is_directory):
            return name_copies(names, destination)
        self.is_renamed_tree = is_directory and not exists and name != destination.name
        return ((source, destination),)

    async def _get(self, crew: Crew, source: NodePath, target: Path) -> None:
        entry = await self._look(source)
        if entry.is_directory:
            self.growth.ground.receive(target)
            if await self._unpack(source, target):
                return
        await self._copy(crew, source, target, entry)

    async def _look(self, source: NodePath) -> Entry:
        """What a source is, followed if it is a link."""
        entry = self._entries.get(source) or await self._disk.stat(source)
        if entry is None:
            raise CopyError(f"cannot read {shown(source)}: No such file or directory")
        if entry.is_link:  # then links have not been followed, and what it is may be anywhere
            raise CopyError(f"cannot read {shown(source)}: the node does not tell what it is")
        self._entries[source] = entry
        return entry

    async def _unpack(self, source: NodePath, target: Path) -> bool:
        """Get a whole tree at once; False if not all of it is here now."""
        with tar_slot(self._node.shared) as is_free:
            if not is_free:
                return False
            receiver = TreeReceiver(source, target, self.growth, self._stop)
            counted = self.growth.files, self.growth.bytes
            is_complete = await unpack(self._node, source, receiver, stop=self._stop)
        if not receiver.received:
            self.growth.files, self.growth.bytes = counted
        self._received |= receiver.received
        return is_complete

    async def _copy(self, crew: Crew, source: NodePath, target: Path, entry: Entry) -> None:
        if source in self._received:
            return
        if entry.size is None and not entry.is_link:  # only the kind was told
            entry = await self._disk.lstat(source) or entry
        if entry.is_directory:
            await self._copy_directory(crew, source, target, entry)
        elif entry.is_link:
            text = await self._disk.read_link(source)
            make = partial(self.growth.make_link, target, text, source=source)
            with failing_as("write", target):
                await self._call(make, target)
        else:
            refuse_special(source, entry.mode)
            await self._copy_file(source, target, entry)

    async def _copy_directory(
        self, crew: Crew, source: NodePath, target: Path, entry: Entry
    ) -> None:
        entries = await self._disk.list(source)
        make = partial(self.growth.make_directory, target, entry.permissions, source=source)
        with failing_as("write", target):
            await self._call(make, target)
        names = sorted((name for name in entries if not is_temporary(name)), reverse=True)
        await in_thread(self.growth.tell_new, [target / name for name in names])
        for name in names:
            crew.add(partial(self._copy, crew, source / name, target / name, entries[name]))

    async def _copy_file(self, source: NodePath, target: Path, entry: Entry) -> None:
        with self.growth.ground.spot(target) as spot:
            refuse_directory(source, target, spot)
            if not spot.is_replaceable:
                await self._write_through(source, spot, entry)
                return
            tell = partial(tell_file, self.growth.telling, spot)
            is_new = await self._call(tell, spot.path, is_told=not spot.is_end)
            with replacement(spot, mode=entry.permissions, telling=self.growth.telling) as writing:
                sink = FileSink(spot.path, writing, self._stop)
                length = await self._disk.read(source, entry.size, sink)
                sink.finish(length)
        self.growth.add_file(FileCopied(bytes=length, created=spot.path if is_new else None))

    async def _call(self, make: Callable[[], _T], target: Path, *, is_told: bool = True) -> _T:
        """Call what may tell of `target`, which was mostly told with its directory."""
        if is_told and (self.growth.telling.knows(target) or not is_missing(target)):
            return make()
        return await in_thread(make)

    async def _write_through(self, source: NodePath, spot: Spot, entry: Entry) -> None:
        with closing(await open_through(spot, self._stop)) as writing:
            sink = StreamSink(spot.path, writing, self._stop)
            length = await self._disk.read(source, entry.size, sink, in_order=True)
        self.growth.add_file(FileCopied(bytes=length, created=None))
