"""Whole directories (LANGUAGE.md 6.3), and taking them away again (11.1)."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.journals import UnwrittenJournal
from gplmt.transports.copying_bytes import StoppedError
from gplmt.transports.copying_ground import Ground
from gplmt.transports.copying_trees import TreeCopy, remove_created
from tests.support.trees import scratch_directory
from tests.transports.told import ToldJournal
from tests.transports.trees import grow, look, temporaries, text_of

NOBODY = 65534


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A directory of our own, for the time of which we are not root."""
    place = Path(tempfile.mkdtemp(prefix="gplmt-test-")).resolve()
    was_root = not os.geteuid()
    if was_root:
        os.chown(place, NOBODY, NOBODY)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
            pytest.skip("another user cannot reach the temporary directory")
        yield place
    finally:
        if was_root:
            os.seteuid(0)
            os.setegid(0)
        place.chmod(0o700)
        for directory, names, _ in os.walk(place):
            for name in names:
                Path(directory, name).chmod(0o700)
        shutil.rmtree(place)


def copy(source: Path, destination: Path) -> TreeCopy:
    """A copy; by its end it has made what it had told, and nothing else."""
    journal = ToldJournal()
    tree = TreeCopy(Event(), journal, Ground(Arrivals()))
    tree.tell([(source, destination)])
    tree.copy(source, destination)
    assert journal.faults == []
    assert set(journal.paths) == {str(path) for path in tree.created}
    return tree


def remove(created: Sequence[Path]) -> list[Path]:
    return remove_created(created, Ground(Arrivals()))


def test_a_tree_is_copied_with_all_that_is_in_it(tmp_path: Path) -> None:
    source = grow(
        tmp_path / "t",
        {"f": b"1", ".hidden": b"2", "empty": None, "d/e/f": b"3", "d/-x": b"4", "d/a b\nc": b"5"},
    )
    copied = copy(source, tmp_path / "new")
    assert look(tmp_path / "new") == look(source)
    assert (copied.files, copied.bytes) == (5, 5)


def test_what_was_created_is_told_parents_first(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"d/f": b"", "link": "d"})
    place = tmp_path / "a/b"
    assert copy(source, place).created == [
        tmp_path / "a", place, place / "d", place / "d/f", place / "link",
    ]  # fmt: skip


def test_what_existed_was_not_created(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"d/f": b"", "d/g": b"", "link": "d"})
    grow(tmp_path / "new", {"d/f": b"old", "link": "old"})
    assert copy(source, tmp_path / "new").created == [tmp_path / "new/d/g"]


def test_links_in_a_tree_stay_as_they_are(tmp_path: Path) -> None:
    links = {"a": "./f", "b": "/nowhere", "c": "c", "d": "..", "e": "x//y", "g": "\udcff"}
    source = grow(tmp_path / "t", {"f": b"", **links})
    copy(source, tmp_path / "new")
    assert {name: text_of(tmp_path / "new" / name) for name in links} == links


def test_a_link_named_as_source_is_followed(tmp_path: Path) -> None:
    grow(tmp_path, {"t/f": b"x", "tree": "t", "file": "t/f"})
    copy(tmp_path / "tree", tmp_path / "new")
    copy(tmp_path / "file", tmp_path / "f")
    assert look(tmp_path / "new") == look(tmp_path / "t")
    assert (tmp_path / "f").read_bytes() == b"x"
    assert not (tmp_path / "f").is_symlink()


def test_a_link_replaces_a_file_or_link_of_its_name(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"a": "new", "b": "new", "c": "new"})
    grow(tmp_path / "u", {"a": b"old", "b": "old", "c": ".", "other": b""})
    copy(source, tmp_path / "u")
    assert {text_of(tmp_path / "u" / name) for name in "abc"} == {"new"}
    assert temporaries(tmp_path) == []


def test_an_existing_directory_keeps_its_other_files_and_its_mode(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"d/f": b"new"})
    grow(tmp_path / "u", {"d/other": b"old"})
    (tmp_path / "u/d").chmod(0o711)
    copy(source, tmp_path / "u")
    assert look(tmp_path / "u/d")["."] == (0o711, None)
    assert look(tmp_path / "u").keys() == {".", "d", "d/f", "d/other"}


def test_a_link_to_a_directory_is_merged_into(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"d/f": b"new"})
    grow(tmp_path, {"far": None, "u/d": "../far"})
    copy(source, tmp_path / "u")
    assert (tmp_path / "far/f").read_bytes() == b"new"
    assert (tmp_path / "u/d").is_symlink()


def test_a_directory_does_not_replace_a_file(tmp_path: Path) -> None:
    grow(tmp_path, {"t/x/f": b"", "u/x": b"old"})
    with pytest.raises(
        CopyError, match=r"^cannot write /.*/u/x: it is not a directory, and /.*/t/x"
    ):
        copy(tmp_path / "t", tmp_path / "u")
    assert (tmp_path / "u/x").read_bytes() == b"old"


@pytest.mark.parametrize("entry", [b"file", "link"])
def test_a_file_or_link_does_not_replace_a_directory(entry: bytes | str, tmp_path: Path) -> None:
    grow(tmp_path, {"t/x": entry, "u/x": None})
    with pytest.raises(
        CopyError, match=r"^cannot write /.*/u/x: it is a directory, and /.*/t/x is"
    ):
        copy(tmp_path / "t", tmp_path / "u")


def test_a_file_in_the_place_of_a_parent_is_an_error(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"x", "u": b""})
    with pytest.raises(CopyError, match=r"^cannot create directory /.*/u: File exists$"):
        copy(tmp_path / "f", tmp_path / "u/v/f")


def test_what_is_no_file_directory_or_link_is_named(tmp_path: Path) -> None:
    grow(tmp_path, {"t": None, "s": None})
    os.mkfifo(tmp_path / "t/pipe")
    with pytest.raises(CopyError, match=r"^cannot copy /.*/t/pipe: it is a FIFO; only files, "):
        copy(tmp_path / "t", tmp_path / "u")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s/ear"))
        with pytest.raises(CopyError, match=r"^cannot copy /.*/s/ear: it is a socket; only"):
            copy(tmp_path / "s", tmp_path / "u")
    with pytest.raises(CopyError, match=r"^cannot copy /dev/zero: it is a character device; only"):
        copy(Path("/dev/zero"), tmp_path / "u")


def test_what_another_copy_is_still_writing_is_left_out(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {".gplmt-0123456789abcdef.tmp": b"half", ".gplmt-x.tmp": b""})
    copy(source, tmp_path / "u")
    assert look(tmp_path / "u").keys() == {".", ".gplmt-x.tmp"}


@pytest.mark.parametrize("place", ["t", "link", "t/x", "t/x/y", "link/x", "t/../t/new"])
def test_a_tree_is_not_copied_into_itself(place: str, tmp_path: Path) -> None:
    grow(tmp_path, {"t/x/f": b"", "link": "t"})
    before = look(tmp_path)
    with pytest.raises(CopyError, match=r"^cannot copy /.*/t to /.*: (they are|a directory) "):
        copy(tmp_path / "t", tmp_path / place)
    assert look(tmp_path) == before


def test_a_tree_does_not_overwrite_itself_from_within(tmp_path: Path) -> None:
    # Otherwise t/t/t/f would take the place of t/t/f before that was copied.
    grow(tmp_path, {"t/t/f": b"1", "t/t/t/f": b"2"})
    before = look(tmp_path)
    with pytest.raises(CopyError, match=r"the destination contains the source$"):
        copy(tmp_path / "t/t", tmp_path / "t")
    assert look(tmp_path) == before


def test_a_link_that_leads_back_into_the_source_is_refused(tmp_path: Path) -> None:
    grow(tmp_path, {"t/d/f": b"", "u/d": "../t/d/new", "t/d/new": None})
    with pytest.raises(CopyError, match=r"a directory cannot be copied into itself$"):
        copy(tmp_path / "t", tmp_path / "u")


def test_a_very_deep_tree_is_copied(tmp_path: Path) -> None:
    levels = [tmp_path / "t"]
    for _ in range(1050):
        levels[-1].mkdir()
        levels.append(levels[-1] / "d")
    copied = copy(levels[0], tmp_path / "u")
    assert len(copied.created) == 1050
    assert remove(copied.created) == []
    assert remove(levels) == []


def test_a_tree_too_deep_for_a_path_is_an_error(tmp_path: Path) -> None:
    part = "d" * 250
    top = Path.cwd()
    (tmp_path / "t").mkdir()
    try:
        os.chdir(tmp_path / "t")
        for _ in range(20):
            Path(part).mkdir()
            os.chdir(part)
    finally:
        os.chdir(top)
    with pytest.raises(CopyError, match=r"File name too long$"):
        copy(tmp_path / "t", tmp_path / "u")


def test_permission_bits_are_kept_whatever_the_umask(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"open/f": b"", "shut/f": b""})
    (source / "open").chmod(0o777)
    (source / "shut").chmod(0o500)
    umask = os.umask(0o077)
    try:
        copy(source, tmp_path / "u")
    finally:
        os.umask(umask)
    assert look(tmp_path / "u") == look(source)


def test_directories_inherit_the_group_of_their_parent(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"d": None})
    shared = grow(tmp_path / "shared", {})
    shared.chmod(0o2775)
    copy(source, shared / "t")
    assert (shared / "t/d").stat().st_mode & 0o7777 == 0o2755


def test_read_only_directories_get_their_files_as_often_as_asked(unprivileged: Path) -> None:
    source = grow(unprivileged / "t", {"shut/deep/f": b"1", "shut/g": b"2"})
    (source / "shut/deep").chmod(0o555)
    (source / "shut").chmod(0o555)
    copy(source, unprivileged / "u")
    (source / "shut/g").write_bytes(b"3")
    copy(source, unprivileged / "u")
    assert look(unprivileged / "u") == look(source)


def test_read_only_directories_can_be_removed_again(unprivileged: Path) -> None:
    source = grow(unprivileged / "t", {"shut/deep/f": b"1", "shut/g": b"2"})
    (source / "shut/deep").chmod(0o555)
    (source / "shut").chmod(0o555)
    created = copy(source, unprivileged / "u").created
    assert remove(created) == []
    assert look(unprivileged).keys().isdisjoint({"u"})


def test_a_read_only_directory_that_stays_is_read_only_again(unprivileged: Path) -> None:
    place = grow(unprivileged / "u", {"mine": b"", "other": b""})
    place.chmod(0o555)
    assert remove([place, place / "mine"]) == [place]
    assert look(place) == {".": (0o555, None), "other": (0o644, b"")}


def test_what_cannot_be_read_is_named(unprivileged: Path) -> None:
    source = grow(unprivileged / "t", {"f": b"", "d": None})
    (source / "f").chmod(0o000)
    with pytest.raises(CopyError, match=r"^cannot read /.*/t/f: Permission denied$"):
        copy(source, unprivileged / "u")
    (source / "d").chmod(0o000)
    with pytest.raises(CopyError, match=r"^cannot read /.*/t/d: Permission denied$"):
        copy(source, unprivileged / "u")


def test_where_nothing_can_be_written_is_named(unprivileged: Path) -> None:
    source = grow(unprivileged / "t", {"f": b""})
    place = grow(unprivileged / "u", {})
    place.chmod(0o555)
    with pytest.raises(CopyError, match=r"^cannot write /.*/u/f: Permission denied$"):
        copy(source / "f", place / "f")
    with pytest.raises(CopyError, match=r"^cannot create directory /.*/u/d: Permission denied$"):
        copy(source / "f", place / "d/f")
    with pytest.raises(CopyError, match=r"^cannot write /.*/u/t: Permission denied$"):
        copy(source, place / "t")
    place.chmod(0o000)
    with pytest.raises(CopyError, match=r"^cannot write /.*/u/f: Permission denied$"):
        copy(source / "f", place / "f")


def test_removal_goes_from_the_last_to_the_first(tmp_path: Path) -> None:
    place = grow(tmp_path / "u", {"d/f": b"", "d/link": "nowhere", "e": None})
    created = [place, place / "d", place / "d/f", place / "d/link", place / "e"]
    assert remove(created) == []
    assert not place.exists()


def test_what_others_put_into_a_directory_stays(tmp_path: Path) -> None:
    place = grow(tmp_path / "u", {"d/mine": b"", "d/other": b"", "e": None})
    assert remove([place, place / "d", place / "d/mine", place / "e"]) == [
        place,
        place / "d",
    ]
    assert look(place).keys() == {".", "d", "d/other"}


def test_what_is_gone_counts_as_removed(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b""})
    assert remove([tmp_path / "gone", tmp_path / "gone/too", tmp_path / "f/x"]) == []


def test_a_link_is_removed_not_what_it_leads_to(tmp_path: Path) -> None:
    grow(tmp_path, {"d/f": b"", "link": "d"})
    assert remove([tmp_path / "link"]) == []
    assert look(tmp_path).keys() == {".", "d", "d/f"}


class StopsAtLook(Event):
    """Is set from the n-th time on that it is looked at."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def is_set(self) -> bool:
        self._looks -= 1
        return self._looks < 0


def test_wherever_a_copy_is_stopped_only_whole_files_stand_there(tmp_path: Path) -> None:
    size = 9 << 20
    source = grow(tmp_path / "t", {"a": b"a" * size, "d/b": b"b" * size, "d/l": "b", "e/f": b"f"})
    (source / "d").chmod(0o555)
    for looks in range(100):
        grow(tmp_path / "u", {"e/f": b"old"})
        stopped = TreeCopy(StopsAtLook(looks), UnwrittenJournal(), Ground(Arrivals()))
        try:
            stopped.copy(source, tmp_path / "u")
        except StoppedError:
            found = look(tmp_path / "u")
            assert found["e/f"] in ((0o644, b"old"), (0o644, b"f"))
            assert found.items() - {("e/f", found["e/f"])} <= look(source).items()
            assert remove(stopped.created) == []
            assert look(tmp_path / "u").keys() == {".", "e", "e/f"}
        else:
            assert looks > 10
            return
    pytest.fail("the copy did not end")


NAMES = (
    st.binary(min_size=1, max_size=12)
    .map(os.fsdecode)
    .filter(lambda name: "/" not in name and "\0" not in name and name not in (".", ".."))
)
TEXTS = st.binary(min_size=1, max_size=12).map(os.fsdecode).filter(lambda text: "\0" not in text)
FILES = st.tuples(st.binary(max_size=64), st.integers(0, 0o777))
TREES = st.recursive(
    st.dictionaries(NAMES, FILES | TEXTS, max_size=4),
    lambda inner: st.dictionaries(NAMES, FILES | TEXTS | inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
Tree = dict[str, "tuple[bytes, int] | str | Tree"]


def plant(root: Path, tree: Tree) -> None:
    root.mkdir()
    for name, entry in tree.items():
        if isinstance(entry, dict):
            plant(root / name, entry)
        elif isinstance(entry, str):
            (root / name).symlink_to(entry)
        else:
            (root / name).write_bytes(entry[0])
            (root / name).chmod(entry[1] | 0o400)
    root.chmod(0o500 | len(tree) * 0o22)


@settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(tree=TREES)
def test_any_tree_arrives_as_it_is_and_twice_is_once(tree: Tree) -> None:
    with scratch_directory() as directory:
        source, place = directory / "t", directory / "x/t"
        plant(source, tree)
        created = copy(source, place).created
        once = look(place)
        assert once == look(source)
        assert copy(source, place).created == []
        assert look(place) == once
        assert remove(created) == []
        assert not place.parent.exists()
