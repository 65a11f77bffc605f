"""Variables in paths, and the files that sources mean (LANGUAGE.md 5.5, 6.3)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gplmt.language.paths import expand, variables_in
from gplmt.sources import find_source


def test_both_spellings_of_variables_expand() -> None:
    assert expand("$A/${B}c$A_", {"A": "1", "B": "2", "A_": "3"}) == "1/2c3"


def test_two_dollar_signs_are_one() -> None:
    assert expand("$$A-$$$A-$${A}", {"A": "1"}) == "$A-$1-${A}"


def test_values_are_not_expanded_again() -> None:
    assert expand("$A", {"A": "$B"}) == "$B"


def test_the_variables_of_a_path_are_named_once_each() -> None:
    assert variables_in("$B/${A}/$B/$$C") == ("B", "A")


@pytest.mark.parametrize(
    "text", ["$", "a$", "$1", "${", "${}", "${a", "${a-b}", "$-", "$(ls)", "$$$"]
)
def test_a_dollar_sign_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write \$NAME, \$\{NAME\}, or \$\$ for a dollar sign"):
        variables_in(text)
    with pytest.raises(ValueError, match="names no variable"):
        expand(text, {"a": "1"})


def test_a_variable_without_value_raises_its_name() -> None:
    with pytest.raises(KeyError, match="NAME"):
        expand("x/$NAME", {})


@given(st.text())
def test_a_doubled_dollar_sign_keeps_any_text(text: str) -> None:
    escaped = text.replace("$", "$$")

    assert variables_in(escaped) == ()
    assert expand(escaped, {}) == text


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """The directory of a document, and a working directory."""
    for name in ("beside/a.txt", "beside/b.txt", "beside/.hidden", "beside/[x].txt", "beside/x.txt",
                 "here/a.txt", "here/only.txt", "here/only2.txt", "here/deep/c.txt"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "beside", tmp_path / "here"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.txt", ["beside/a.txt"]),  # beside the document first
        ("only.txt", ["here/only.txt"]),  # then in the working directory
        ("only*", ["here/only.txt", "here/only2.txt"]),
        ("?.txt", ["beside/a.txt", "beside/b.txt", "beside/x.txt"]),
        ("[x].txt", ["beside/[x].txt"]),  # what exists literally is no pattern
        ("[ab].txt", ["beside/a.txt", "beside/b.txt"]),
        ("*", ["beside/[x].txt", "beside/a.txt", "beside/b.txt", "beside/x.txt"]),
        (".h*", ["beside/.hidden"]),
        ("deep", ["here/deep"]),
        ("deep/", ["here/deep"]),
        ("*/c.txt", ["here/deep/c.txt"]),
        ("../here/only.txt", ["beside/../here/only.txt"]),
        ("nothing", []),
        ("nothing*", []),
        ("a" * 300, []),
        ("a\0b", []),
    ],
)
def test_a_source_means_these_paths(places: tuple[Path, Path], text: str, found: list[str]) -> None:
    beside, work = places

    paths = find_source(text, beside=beside, working_directory=work)

    assert [str(path) for path in paths] == [f"{beside.parent}/{name}" for name in found]


def test_an_absolute_source_is_taken_as_it_is(places: tuple[Path, Path]) -> None:
    beside, work = places

    for text in (f"{work}/only.txt", f"{work}/on[l]y.txt"):
        assert find_source(text, beside=beside, working_directory=work) == [work / "only.txt"]


def test_directories_with_pattern_characters_are_no_patterns(tmp_path: Path) -> None:
    odd = tmp_path / "[a]*"
    odd.mkdir()
    (odd / "file.txt").touch()

    assert find_source("*.txt", beside=odd, working_directory=odd) == [odd / "file.txt"]


def test_relative_places_count_from_the_current_directory(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, _ = places
    monkeypatch.chdir(beside.parent)

    (path,) = find_source("a.txt", beside=Path("beside"), working_directory=Path())

    assert path.is_absolute()
    assert path.samefile(beside / "a.txt")


def test_a_link_to_nowhere_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")

    assert find_source("link", beside=tmp_path, working_directory=tmp_path) == []
