"""Where copies go, and what a source names (LANGUAGE.md 5.5, 6.3)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.transports import copying_places
from gplmt.transports.copying_ground import Ground
from gplmt.transports.copying_places import expand, node_path, says_into
from tests.transports.trees import grow


def place(
    sources: Sequence[Path], destination: Path, *, into: bool
) -> tuple[tuple[Path, Path], ...]:
    ground = Ground(Arrivals())
    return copying_places.place(sources, destination, into=into, ground=ground)


def test_a_relative_path_begins_in_the_working_directory(tmp_path: Path) -> None:
    assert node_path("a/b", tmp_path) == tmp_path / "a/b"


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    assert node_path("/a/b", tmp_path) == Path("/a/b")


@pytest.mark.parametrize(("text", "rest"), [("~/a/b", "a/b"), ("~/", "."), ("~", ".")])
def test_a_tilde_is_the_home_directory(
    text: str, rest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/of/mine")
    assert node_path(text, tmp_path) == Path("/home/of/mine", rest)


def test_a_tilde_before_a_name_is_just_a_name(tmp_path: Path) -> None:
    assert node_path("~root/x", tmp_path) == tmp_path / "~root/x"


@pytest.mark.parametrize("text", ["d/", "d//", "/", ".", "./", "..", "d/.", "d/..", ""])
def test_some_texts_mean_into_whatever_exists(text: str) -> None:
    assert says_into(text)


@pytest.mark.parametrize("text", ["d", "d/e", ".d", "d.", "...", "-"])
def test_other_texts_do_not(text: str) -> None:
    assert not says_into(text)


def test_a_file_goes_to_the_path_that_does_not_exist(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b""}) / "f"
    assert place([source], tmp_path / "new", into=False) == ((source, tmp_path / "new"),)


def test_a_file_goes_into_a_directory_that_exists(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"", "d": None}) / "f"
    assert place([source], tmp_path / "d", into=False) == ((source, tmp_path / "d/f"),)


def test_a_file_goes_into_a_directory_of_its_own_name(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"", "d/f": None}) / "f"
    assert place([source], tmp_path / "d/f", into=False) == ((source, tmp_path / "d/f/f"),)


def test_a_tree_goes_into_a_directory_of_another_name(tmp_path: Path) -> None:
    source = grow(tmp_path, {"conf": None, "etc": None}) / "conf"
    assert place([source], tmp_path / "etc", into=False) == ((source, tmp_path / "etc/conf"),)


def test_a_tree_does_not_nest_in_a_directory_of_the_same_name(tmp_path: Path) -> None:
    source = grow(tmp_path, {"conf": None, "etc/conf": None}) / "conf"
    assert place([source], tmp_path / "etc/conf", into=False) == ((source, tmp_path / "etc/conf"),)


def test_a_slash_means_into_a_directory_of_the_same_name_too(tmp_path: Path) -> None:
    # Whether it exists must not matter, or the same put twice would not be the same as once.
    source = grow(tmp_path, {"conf": None, "etc": None}) / "conf"
    expected = ((source, tmp_path / "etc/conf/conf"),)
    assert place([source], tmp_path / "etc/conf", into=True) == expected
    (tmp_path / "etc/conf").mkdir()
    assert place([source], tmp_path / "etc/conf", into=True) == expected


def test_several_sources_go_into_the_destination(tmp_path: Path) -> None:
    grow(tmp_path, {"a": b"", "b": b""})
    places = place([tmp_path / "a", tmp_path / "b"], tmp_path / "new", into=False)
    assert [target for _, target in places] == [tmp_path / "new/a", tmp_path / "new/b"]


def test_a_source_that_ends_in_dots_gets_its_real_name(tmp_path: Path) -> None:
    grow(tmp_path, {"real/sub": None})
    source = tmp_path / "real/sub/.."
    assert place([source], tmp_path / "d", into=True) == ((source, tmp_path / "d/real"),)


def test_two_sources_for_one_path_are_refused(tmp_path: Path) -> None:
    grow(tmp_path, {"a/log": b"", "b/log": b""})
    with pytest.raises(CopyError, match=r"cannot copy both .*a/log and .*b/log to .*d/log"):
        place([tmp_path / "a/log", tmp_path / "b/log"], tmp_path / "d", into=False)


def test_a_pattern_names_its_matches_in_order(tmp_path: Path) -> None:
    grow(tmp_path, {"b.log": b"", "a.log": b"", ".c.log": b"", "x": b""})
    assert expand("*.log", tmp_path) == [tmp_path / "a.log", tmp_path / "b.log"]


@pytest.mark.parametrize("pattern", ["node[12]/log", "node?/log", "*/log"])
def test_a_pattern_may_stand_in_any_part_of_the_path(pattern: str, tmp_path: Path) -> None:
    grow(tmp_path, {"node1/log": b"", "node2/log": b"", "other": b""})
    assert expand(pattern, tmp_path) == [tmp_path / "node1/log", tmp_path / "node2/log"]


def test_a_source_that_exists_is_no_pattern(tmp_path: Path) -> None:
    grow(tmp_path, {"a[1]": b"", "a1": b"", "*": b""})
    assert expand("a[1]", tmp_path) == [tmp_path / "a[1]"]
    assert expand("*", tmp_path) == [tmp_path / "*"]


def test_the_working_directory_is_no_pattern(tmp_path: Path) -> None:
    directory = grow(tmp_path / "run[1]", {"a": b""})
    assert expand("?", directory) == [directory / "a"]


def test_the_home_directory_is_no_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = grow(tmp_path / "me[1]", {"a": b""})
    monkeypatch.setenv("HOME", str(home))
    assert expand("~/?", tmp_path) == [home / "a"]


def test_an_absolute_pattern_is_looked_up_from_the_root(tmp_path: Path) -> None:
    grow(tmp_path, {"a": b""})
    assert expand(f"{tmp_path}/?", Path("/nowhere")) == [tmp_path / "a"]


def test_a_pattern_without_match_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CopyError, match=r"^nothing matches /.*/\*\.log$"):
        expand("*.log", tmp_path)


def test_a_missing_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CopyError, match=r"^cannot read /.*/nowhere: No such file or directory$"):
        expand("nowhere", tmp_path)


def test_odd_names_match_and_are_shown_on_one_line(tmp_path: Path) -> None:
    name = "a\n\udcff"
    grow(tmp_path, {name: b""})
    assert expand("a*", tmp_path) == [tmp_path / name]
    with pytest.raises(CopyError, match=r"b\\n\\udcff': No such file") as caught:
        expand("b\n\udcff", tmp_path)
    str(caught.value).encode()
