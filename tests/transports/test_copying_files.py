"""One file appears whole or not at all (LANGUAGE.md 6.3)."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.transports.copying_bytes import StoppedError, data_extents
from gplmt.transports.copying_files import FileCopied, copy_file
from gplmt.transports.copying_ground import Ground
from gplmt.transports.copying_telling import Telling
from tests.transports.told import ToldJournal
from tests.transports.trees import grow, look, temporaries, text_of

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:  # noqa: S603
        pytest.skip("a small file system can be mounted by root only")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S603, S607


@pytest.fixture
def short_files() -> Iterator[None]:
    """No file can grow beyond 64 KiB."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def copy(source: Path, destination: Path) -> Path | None:
    return copy_whole(source, destination).created


def copy_whole(source: Path, destination: Path, *, stop: Event | None = None) -> FileCopied:
    journal = ToldJournal()
    telling = Telling(journal)
    telling.writing((destination,))
    copied = copy_file(
        source,
        destination,
        stop=stop or Event(),
        telling=telling,
        ground=Ground(Arrivals()),
    )
    assert journal.faults == []
    assert list(journal.paths) == ([] if copied.created is None else [str(copied.created)])
    return copied


@pytest.mark.parametrize("size", [0, 1, 4096, 5 * MIB + 1])
def test_every_byte_arrives(size: int, tmp_path: Path) -> None:
    content = os.urandom(size)
    source = grow(tmp_path, {"f": content}) / "f"
    copied = copy_whole(source, tmp_path / "g")
    assert (tmp_path / "g").read_bytes() == content
    assert (copied.bytes, copied.created) == (size, tmp_path / "g")


def test_every_byte_arrives_on_another_file_system(small_disk: Path, tmp_path: Path) -> None:
    content = os.urandom(MIB // 2)
    source = grow(tmp_path, {"f": content}) / "f"
    copy(source, small_disk / "g")
    assert (small_disk / "g").read_bytes() == content


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o444, 0o755, 0o777])
def test_permission_bits_are_kept_whatever_the_umask(mode: int, tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x"}) / "f"
    source.chmod(mode)
    if not os.access(source, os.R_OK):
        pytest.skip("a file without permissions can be read by root only")
    umask = os.umask(0o077)
    try:
        copy(source, tmp_path / "g")
    finally:
        os.umask(umask)
    assert (tmp_path / "g").stat().st_mode & 0o777 == mode


def test_a_setuid_bit_is_no_permission_bit(tmp_path: Path) -> None:
    # The copy belongs to somebody else, perhaps, than the original.
    source = grow(tmp_path, {"f": b"x"}) / "f"
    source.chmod(0o4755)
    copy(source, tmp_path / "g")
    assert (tmp_path / "g").stat().st_mode & 0o7777 == 0o755


def test_an_existing_file_is_replaced_and_was_not_created(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"new", "g": b"a longer old content"})
    with (tmp_path / "g").open("rb") as reader:
        assert copy(tmp_path / "f", tmp_path / "g") is None
        assert reader.read() == b"a longer old content"
    assert (tmp_path / "g").read_bytes() == b"new"


def test_holes_stay_holes(tmp_path: Path) -> None:
    source = tmp_path / "f"
    with source.open("wb") as file:
        file.seek(300 * MIB)
        file.write(b"middle")
        file.truncate(1000 * MIB)
    copy(source, tmp_path / "g")
    status = (tmp_path / "g").stat()
    assert status.st_size == 1000 * MIB
    assert status.st_blocks * 512 < 10 * MIB
    with (tmp_path / "g").open("rb") as file:
        file.seek(300 * MIB)
        assert file.read(6) == b"middle"


@pytest.mark.parametrize("path", ["/proc/self/status", "/proc/cpuinfo", "/sys/kernel/mm/ksm/run"])
def test_files_that_do_not_tell_their_size_can_be_copied(path: str, tmp_path: Path) -> None:
    if not Path(path).exists():
        pytest.skip(f"there is no {path} here")
    copy(Path(path), tmp_path / "g")
    assert len((tmp_path / "g").read_bytes()) == len(Path(path).read_bytes()) > 0


def test_a_link_is_written_through(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"new", "far/real": b"old", "link": "far/real"})
    assert copy(tmp_path / "f", tmp_path / "link") is None
    assert text_of(tmp_path / "link") == "far/real"
    assert (tmp_path / "far/real").read_bytes() == b"new"


def test_a_dangling_link_is_written_through_and_its_end_created(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"new", "far": None, "link": "far/real"})
    assert copy(tmp_path / "f", tmp_path / "link") == tmp_path / "far/real"
    assert (tmp_path / "far/real").read_bytes() == b"new"


def test_a_link_in_a_circle_is_an_error(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"new", "a": "b", "b": "a"})
    with pytest.raises(CopyError, match=r"^cannot write /.*/a: Too many levels of symbolic links$"):
        copy(tmp_path / "f", tmp_path / "a")


def device(tmp_path: Path, name: str) -> Path:
    """A device that a wrong copy may replace; root could replace that of the machine."""
    own = Path("/dev", name)
    if not os.geteuid():
        status, own = own.stat(), tmp_path / name
        try:
            os.mknod(own, status.st_mode, status.st_rdev)
            own.write_bytes(b"")
        except OSError:
            pytest.skip("root cannot make a device of its own here")
    return own


def test_a_device_is_written_through(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x" * MIB}) / "f"
    null = device(tmp_path, "null")
    assert copy(source, null) is None
    assert null.is_char_device()


def test_a_fifo_gets_all_bytes(tmp_path: Path) -> None:
    content = os.urandom(3 * MIB)
    source = grow(tmp_path, {"f": content}) / "f"
    os.mkfifo(tmp_path / "fifo")
    read: list[bytes] = []
    reader = Thread(target=lambda: read.append((tmp_path / "fifo").read_bytes()))
    reader.start()
    copy(source, tmp_path / "fifo")
    reader.join()
    assert read == [content]


def test_an_open_file_without_a_name_is_written_through(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"new", "gone": b"a longer old content"}) / "f"
    with (tmp_path / "gone").open("r+b") as file:
        (tmp_path / "gone").unlink()
        copy(source, Path(f"/proc/self/fd/{file.fileno()}"))
        assert file.read() == b"new"
    assert look(tmp_path).keys() == {".", "f"}


def test_a_full_device_is_an_error(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x"}) / "f"
    with pytest.raises(CopyError, match=r"^cannot write /.*/full: No space left on device$"):
        copy(source, device(tmp_path, "full"))


def test_a_socket_is_an_error(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x"}) / "f"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        with pytest.raises(CopyError, match=r"^cannot write /.*/s: No such device or address$"):
            copy(source, tmp_path / "s")


def test_a_full_disk_leaves_the_old_file(small_disk: Path, tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x" * (2 * MIB)}) / "f"
    grow(small_disk, {"g": b"old"})
    with pytest.raises(CopyError, match=r"^cannot write /.*/small/g: No space left on device$"):
        copy(source, small_disk / "g")
    assert look(small_disk).keys() == {".", "g"}
    assert (small_disk / "g").read_bytes() == b"old"


@pytest.mark.usefixtures("short_files")
def test_a_write_that_fails_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "f").symlink_to(os.__file__.replace("os.py", "argparse.py"))
    with pytest.raises(CopyError, match=r"^cannot write /.*/g: File too large$"):
        copy(tmp_path / "f", tmp_path / "g")
    assert look(tmp_path).keys() == {".", "f"}


def test_a_file_is_not_copied_onto_itself(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"precious", "link": "f"})
    os.link(tmp_path / "f", tmp_path / "hard")
    for other in ("f", "link", "hard"):
        with pytest.raises(CopyError, match=r"they are the same file$"):
            copy(tmp_path / "f", tmp_path / other)
    assert (tmp_path / "f").read_bytes() == b"precious"


def test_a_file_does_not_replace_a_directory(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"x", "d": None})
    with pytest.raises(
        CopyError, match=r"^cannot write /.*/d: it is a directory, and /.*/f is not"
    ):
        copy(tmp_path / "f", tmp_path / "d")


def test_too_long_a_name_is_an_error(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"x"})
    with pytest.raises(CopyError, match=r"^cannot write /.*: File name too long$"):
        copy(tmp_path / "f", tmp_path / ("n" * 256))


def test_the_longest_name_is_none(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"x"})
    assert copy(tmp_path / "f", tmp_path / ("n" * 255)) == tmp_path / ("n" * 255)


class SecondLook(Event):
    """Does something the second time that a copy looks whether to stop."""

    def __init__(self, action: Callable[[], None]) -> None:
        super().__init__()
        self._looks = 0
        self._action = action

    def is_set(self) -> bool:
        self._looks += 1
        if self._looks == 2:
            self._action()
        return super().is_set()


def test_a_log_that_grows_is_copied_as_it_was_at_the_beginning(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x" * (10 * MIB)}) / "f"

    def append() -> None:
        with source.open("ab") as file:
            file.write(b"more")

    copy_whole(source, tmp_path / "g", stop=SecondLook(append))
    assert (tmp_path / "g").read_bytes() == b"x" * (10 * MIB)


def test_a_source_that_is_cut_is_an_error(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x" * (10 * MIB)}) / "f"
    cut = SecondLook(lambda: os.truncate(source, 0))
    with pytest.raises(CopyError, match=r"^cannot copy /.*/f: it was cut while it was copied$"):
        copy_whole(source, tmp_path / "g", stop=cut)
    assert look(tmp_path).keys() == {".", "f"}


def test_a_stop_between_two_pieces_leaves_the_old_file(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x" * (10 * MIB), "g": b"old"}) / "f"
    stop = Event()
    stop.set()
    with pytest.raises(StoppedError):
        copy_whole(source, tmp_path / "g", stop=stop)
    assert (tmp_path / "g").read_bytes() == b"old"
    assert temporaries(tmp_path) == []


def test_without_word_from_the_file_system_all_of_a_file_is_data(tmp_path: Path) -> None:
    os.truncate(grow(tmp_path, {"f": b"x"}) / "f", MIB)
    reading, writing = os.pipe()  # which cannot be asked for holes
    try:
        assert list(data_extents(reading, (tmp_path / "f").stat())) == [(0, MIB)]
    finally:
        os.close(reading)
        os.close(writing)
