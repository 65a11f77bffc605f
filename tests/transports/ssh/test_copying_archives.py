"""tar archives as they are written and read for copies, against other programs."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.journals import UnwrittenJournal
from gplmt.transports.copying_bytes import StoppedError
from gplmt.transports.copying_ground import Ground
from gplmt.transports.copying_growth import Growth
from gplmt.transports.copying_names import NodePath
from gplmt.transports.copying_telling import Telling
from gplmt.transports.ssh.copying_survey import survey
from gplmt.transports.ssh.tar_headers import (
    Header,
    HeaderError,
    Kind,
    parse,
    parse_attributes,
    render,
)
from gplmt.transports.ssh.tar_packing import count_packed, pack
from gplmt.transports.ssh.tar_reading import ArchiveReader
from gplmt.transports.ssh.tar_unpacking import TreeReceiver
from tests.transports.trees import Shape, grow, look, temporaries

ODD: Shape = {
    "f": b"1",
    "none": b"",
    "d/e": None,
    "d/l": "../f",
    "x" * 100: b"as long as a field",
    "y" * 101: b"longer",
    "z" * 200: "w" * 200,
    "long/" + "/".join(["part" * 20] * 4): b"deep",
    " spaces ": b"",
    "a\nb": b"",
    "-n": b"",
    "é": "é",
    "\udcff": b"2",
    "b\\s": b"",
    "odd size": b"x" * 1025,
    "block": b"x" * 1024,
}


def packed(source: Path) -> bytes:
    return b"".join(pack(survey(source, Event()), inherited=0, stop=Event()))


def receive(archive: bytes, target: Path, *, piece: int = 1 << 20) -> TreeReceiver:
    receiver = TreeReceiver(
        NodePath("/node"), target, Growth(Telling(UnwrittenJournal()), Ground(Arrivals())), Event()
    )
    reader = ArchiveReader(receiver)
    try:
        for start in range(0, len(archive), piece):
            reader.feed(archive[start : start + piece])
        assert reader.is_complete
    finally:
        receiver.close()
    return receiver


def program(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"{name.upper()} NOT TESTED: there is none here")


@pytest.mark.parametrize("words", [("tar",), ("busybox", "tar"), ("bsdtar",)], ids="-".join)
def test_programs_unpack_what_is_packed(words: Sequence[str], tmp_path: Path) -> None:
    program(words[0])
    source = grow(tmp_path / "t", ODD)
    (source / "f").chmod(0o751)
    (source / "d").chmod(0o711)
    place = grow(tmp_path / "u", {})
    subprocess.run([*words, "-xpmof", "-"], cwd=place, input=packed(source), check=True)  # noqa: S603
    place.chmod(0o755)
    assert look(place) == look(source)


def test_python_reads_what_is_packed(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", ODD)
    with tarfile.open(fileobj=io.BytesIO(packed(source)), errors="surrogateescape") as archive:
        found = {member.name.removeprefix("./"): member.size for member in archive}
    assert found.keys() == look(source).keys()
    assert found["odd size"] == 1025


@pytest.mark.parametrize(
    "words",
    [
        ("tar", "--format=gnu"),
        ("tar", "--format=posix"),
        ("tar", "--format=oldgnu"),
        ("busybox", "tar"),
        ("bsdtar",),
        ("bsdtar", "--format=pax"),
        ("bsdtar", "--format=gnutar"),
    ],
    ids="-".join,
)
@pytest.mark.parametrize("piece", [1 << 20, 511, 7])
def test_what_programs_pack_is_received(words: Sequence[str], piece: int, tmp_path: Path) -> None:
    program(words[0])
    source = grow(tmp_path / "t", ODD)
    (source / "f").chmod(0o751)
    os.link(source / "f", source / "hard")
    command = [*words, "-cf", "-", "."]
    archive = subprocess.run(command, cwd=source, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603
    receiver = receive(archive, tmp_path / "u", piece=piece)
    receiver_tree(receiver)
    assert look(tmp_path / "u") == look(source)
    assert not receiver.has_left_out
    assert receiver.received == {
        NodePath("/node", name) for name, entry in look(source).items() if entry[1] is not None
    }


def receiver_tree(receiver: TreeReceiver) -> None:
    receiver._growth.set_modes()


@given(
    name=st.binary(min_size=1, max_size=300).filter(lambda name: b"\0" not in name),
    link=st.binary(max_size=300).filter(lambda name: b"\0" not in name),
    size=st.integers(0, 1 << 50),
    mode=st.integers(0, 0o7777),
)
def test_headers_are_read_as_they_were_rendered(
    name: bytes, link: bytes, size: int, mode: int
) -> None:
    header = Header(name=name, kind=Kind.FILE, mode=mode, size=size, link=link)
    seen: list[Header] = []

    class Seen(Exception):  # noqa: N818
        pass

    class Watcher:
        def begin(self, header: Header) -> None:
            seen.append(header)
            raise Seen

        def take(self, content: memoryview) -> None: ...

        def end(self) -> None: ...

    with pytest.raises(Seen):
        ArchiveReader(Watcher()).feed(render(header))
    assert seen == [header]


@given(st.binary(max_size=600))
def test_garbage_is_no_archive(garbage: bytes) -> None:
    if any(garbage[:512]) and len(garbage) >= 512:
        with pytest.raises(HeaderError):
            parse(garbage[:512])
    with pytest.raises(HeaderError):
        parse_attributes(b"x" + garbage)


def archive_of(*members: tuple[str, bytes, str]) -> bytes:
    """An archive of names, kinds and links as another program may write it."""
    blocks = [
        render(Header(name=name.encode(), kind=Kind(kind), mode=0o644, link=link.encode()))
        for name, kind, link in members
    ]
    return b"".join(blocks) + bytes(1024)


TOP, FILE, LINK, HARD, FIFO = ("./", b"5", ""), b"0", b"2", b"1", b"6"


@pytest.mark.parametrize(
    "members",
    [
        [TOP, ("../x", FILE, "")],
        [TOP, ("/tmp/gplmt-x", FILE, "")],  # noqa: S108
        [TOP, ("./a/../../x", FILE, "")],
        [TOP, ("./a", LINK, ".."), ("./a/x", FILE, "")],
        [TOP, ("./a", LINK, ".."), ("./a", b"5", ""), ("./a/x", FILE, "")],
        [TOP, ("./a", LINK, "../x"), ("./a", FILE, "")],
        [TOP, ("./a", FILE, ""), ("./a/b", FILE, "")],
        [TOP, ("./a/b", FILE, "")],
        [TOP, ("./p", FIFO, "")],
        [TOP, ("./p", b"3", "")],
        [("./a", FILE, "")],
    ],
)
def test_an_archive_that_leads_out_of_the_tree_is_refused(
    members: list[tuple[str, bytes, str]], tmp_path: Path
) -> None:
    place = grow(tmp_path / "in", {"x": b"mine"})
    with pytest.raises(HeaderError):
        receive(archive_of(*members), place / "t")
    assert look(tmp_path).keys() <= {".", "in", "in/x", "in/t", "in/t/a"}
    assert (place / "x").read_bytes() == b"mine"


def test_a_second_name_of_a_link_gives_nothing_of_ours_away(tmp_path: Path) -> None:
    grow(tmp_path, {"secret": b"ours"})
    members = (TOP, ("./a", LINK, str(tmp_path / "secret")), ("./b", HARD, "./a"))
    receiver = receive(archive_of(*members), tmp_path / "t")
    assert receiver.has_left_out
    assert not (tmp_path / "t/b").exists()


def test_a_file_with_holes_is_left_to_another_way(tmp_path: Path) -> None:
    with (grow(tmp_path / "t", {}) / "f").open("wb") as file:
        file.seek(1 << 22)
        file.write(b"x")
    words = [program("bsdtar"), "-cf", "-", "."]
    archive = subprocess.run(words, cwd=tmp_path / "t", stdout=subprocess.PIPE, check=True).stdout  # noqa: S603
    if len(archive) > 1 << 22:
        pytest.skip("this bsdtar, or this file system, knows no holes")
    with pytest.raises(HeaderError):
        receive(archive, tmp_path / "u")


def test_a_cut_archive_leaves_no_partial_file(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"f": b"x" * 5000})
    with pytest.raises(AssertionError):
        receive(packed(source)[:3000], tmp_path / "u")
    assert look(tmp_path / "u").keys() == {"."}
    assert temporaries(tmp_path) == []


def test_large_files_and_such_with_holes_are_not_packed(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"big": b"x" * ((1 << 20) + 1), "small": b"x" * (1 << 20)})
    with (source / "holes").open("wb") as file:
        file.truncate(1 << 19)
    tree = survey(source, Event())
    assert count_packed(tree) == 1
    assert b"./big" not in b"".join(pack(tree, inherited=0, stop=Event()))
    assert {file.name: file.is_staged for file in tree.files} == {
        "big": False, "holes": False, "small": True,
    }  # fmt: skip


def test_a_small_log_that_grows_is_packed_as_it_is(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"f": b"short"})
    tree = survey(source, Event())
    (source / "f").write_bytes(b"x" * (3 << 20))
    archive = b"".join(pack(tree, inherited=0, stop=Event()))
    receive(archive, tmp_path / "u")
    assert (tmp_path / "u/f").read_bytes() == b"x" * (1 << 20)
    assert tree.files[0].size == 1 << 20


def test_packing_can_be_stopped_and_names_what_cannot_be_read(tmp_path: Path) -> None:
    tree = survey(grow(tmp_path / "t", {"f": b"x"}), Event())
    stop = Event()
    stop.set()
    with pytest.raises(StoppedError):
        list(pack(tree, inherited=0, stop=stop))
    (tmp_path / "t/f").unlink()
    with pytest.raises(CopyError, match=r"^cannot read /.*/t/f: No such file or directory$"):
        list(pack(tree, inherited=0, stop=Event()))
