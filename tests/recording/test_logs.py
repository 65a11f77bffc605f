from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from gplmt.commands import LogPaths
from gplmt.errors import LogError
from gplmt.recording.logs import Log, LogFiles, raise_descriptor_limit, tail
from gplmt.recording.names import safe_name


def _open(files: LogFiles, target: str = "n1", task: str = "run-1") -> tuple[Log, Log]:
    return files.open(files.assign(target=target, tasklist="build", task=task))


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_log_paths_are_numbered_per_target_in_order_of_start(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    names = [
        files.assign(target=target, tasklist="build", task=task).stdout
        for target, task in (("n1", "run-1"), ("n2", "run-1"), ("n1", "compile"))
    ]
    assert names == [
        "logs/n1/0001-build.run-1.out",
        "logs/n2/0001-build.run-1.out",
        "logs/n1/0002-build.compile.out",
    ]


def test_numbers_grow_beyond_four_digits(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    for _ in range(9_999):
        files.assign(target="n", tasklist="t", task="run-1")
    paths = files.assign(target="n", tasklist="t", task="run-1")
    assert paths == LogPaths(stdout="logs/n/10000-t.run-1.out", stderr="logs/n/10000-t.run-1.err")


def test_the_longest_names_still_make_files(tmp_path: Path) -> None:
    # 2.1 allows 100 characters each, an include's prefix comes on top
    files = LogFiles(tmp_path)
    paths = files.assign(target="t" * 300, tasklist="p." * 50 + "l" * 100, task="r" * 100)
    for log in files.open(paths):
        log.close()
    assert (tmp_path / paths.stdout).exists()


def test_names_that_were_cut_stay_different() -> None:
    one, other = (safe_name("x" * 300 + end, max_bytes=240) for end in "ab")
    assert one != other
    assert len(one) == 240


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", ".", "..", "-rf", "naïve\n", "\udcff"])
def test_a_name_from_elsewhere_cannot_leave_its_directory(tmp_path: Path, name: str) -> None:
    # hostnames of a slice come from its API
    files = LogFiles(tmp_path)
    paths = files.assign(target=name, tasklist="t", task="run-1")
    for log in files.open(paths):
        log.close()
    assert (tmp_path / paths.stdout).resolve().parent.parent == tmp_path.resolve() / "logs"


def test_bytes_reach_the_file_at_once_and_unchanged(tmp_path: Path) -> None:
    log, _ = _open(LogFiles(tmp_path))
    data = bytes(range(256)) * 100
    assert log.write(data)
    assert (tmp_path / log.path).read_bytes() == data
    assert log.size == len(data)
    log.close()


def test_opening_again_appends(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    paths = files.assign(target="n", tasklist="t", task="run-1")
    for attempt in (b"one\n", b"two\n"):
        stdout, stderr = files.open(paths)
        stdout.write(attempt)
        stdout.close()
        stderr.close()
    assert (tmp_path / paths.stdout).read_bytes() == b"one\ntwo\n"


def test_files_that_stay_empty_are_kept(tmp_path: Path) -> None:
    stdout, stderr = _open(LogFiles(tmp_path))
    stdout.close()
    stderr.close()
    assert (tmp_path / stderr.path).stat().st_size == 0


def test_a_full_disk_is_a_log_error_that_names_the_file() -> None:
    log = Log("/dev/", "full")
    with pytest.raises(LogError, match="cannot write full: no space left on device"):
        log.write(b"x")
    log.close()


def test_what_a_full_disk_took_stays_and_nothing_follows_a_hole(small_disk: Path) -> None:
    log = Log(f"{small_disk}/", "log")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(512 * 1024))
    with pytest.raises(LogError):
        log.write(b"a" * 4096 * 1024)
    took = log.size
    assert 0 < took < 1024 * 1024
    ballast.unlink()
    with pytest.raises(LogError):
        log.write(b"b")
    log.close()
    assert (small_disk / "log").read_bytes() == b"a" * took


def test_a_log_that_cannot_be_opened_leaves_its_twin_closed(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    paths = files.assign(target="n", tasklist="t", task="run-1")
    (tmp_path / paths.stderr).mkdir(parents=True)
    before = _open_descriptors()
    with pytest.raises(LogError, match=r"cannot open logs/n/0001-t\.run-1\.err: is a directory"):
        files.open(paths)
    assert _open_descriptors() == before


def test_a_log_directory_that_cannot_be_made_is_a_log_error(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    with pytest.raises(LogError, match="cannot create logs/n1: "):
        _open(LogFiles(tmp_path))


def test_closing_twice_does_not_close_somebody_elses_file(tmp_path: Path) -> None:
    stdout, stderr = _open(LogFiles(tmp_path))
    stdout.close()
    with (tmp_path / "other").open("wb") as other:  # gets the descriptor that became free
        stdout.close()
        other.write(b"x")
    stderr.close()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", b""),
        (b"one\n", b"one\n"),
        (b"1\n2\n3\n4", b"2\n3\n4"),
        (b"long " * 100 + b"\nlast\n", b"last\n"),
        (b"x" * 200, b"x" * 100),
    ],
)
def test_tail_gives_the_last_whole_lines(tmp_path: Path, content: bytes, expected: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    assert tail(path, max_lines=3, max_bytes=100) == expected


def test_tail_of_a_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert tail(tmp_path / "none", max_lines=3, max_bytes=100) == b""


def test_tail_reads_only_the_end_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse; reading it all would not end
        file.seek(0, os.SEEK_END)
        file.write(b"\nend\n")
    assert tail(path, max_lines=1, max_bytes=4096) == b"end\n"


@pytest.fixture
def _low_limit() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.usefixtures("_low_limit")
def test_the_descriptor_limit_rises_as_far_as_it_may() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert raise_descriptor_limit() == 256
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, 65_536)


@pytest.mark.usefixtures("_low_limit")
def test_running_out_of_descriptors_is_a_log_error_with_a_hint(tmp_path: Path) -> None:
    files, logs = LogFiles(tmp_path), list[Log]()

    def open_many() -> None:
        for _ in range(256):
            logs.extend(_open(files))

    with pytest.raises(LogError, match="too many open files; raise 'ulimit -n'"):
        open_many()
    for log in logs:
        log.close()
