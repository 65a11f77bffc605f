"""Documents that are no ordinary files, and names that are no ordinary names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gplmt.errors import DocumentError
from gplmt.loading import files, load
from tests.loading.conftest import Desk

LOCAL = '<target name="a" type="local"/>'


def load_file(name: str, *, rng: str | None = None) -> str:
    """What is said of a file that is refused."""
    with pytest.raises(DocumentError) as raised:
        load(name, rng=rng, host_environment={}, working_directory=Path(), now=Desk.now)
    return str(raised.value)


def with_tasks(tasks: str, *, targets: str = LOCAL, words: str = "a") -> str:
    return (
        f"<experiment><targets>{targets}</targets><tasklists><tasklist name='t'>{tasks}</tasklist>"
        f"</tasklists><steps><step tasklist='t' targets='{words}'/></steps></experiment>"
    )


def test_nobody_waits_for_a_fifo(desk: Desk) -> None:
    os.mkfifo("fifo.xml")

    assert load_file("fifo.xml") == "fifo.xml:0: error: cannot read 'fifo.xml': it is a fifo"
    assert desk.errors('<experiment><include file="fifo.xml"/></experiment>') == [
        "lab.xml:1: error: cannot read 'fifo.xml': it is a fifo"
    ]
    assert load_file("lab.xml", rng="fifo.xml") == (
        "fifo.xml:0: error: cannot read the schema: it is a fifo"
    )


def test_a_schema_is_no_device() -> None:
    assert load_file("x.xml", rng="/dev/zero") == (
        "/dev/zero:0: error: cannot read the schema: it is a device"
    )


def test_a_pipe_that_was_handed_to_gplmt_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"<experiment><description>piped</description></experiment>")
    os.close(writing)
    try:
        loaded = load(
            f"/dev/fd/{reading}", host_environment={}, working_directory=Path(), now=Desk.now
        )
    finally:
        os.close(reading)

    assert loaded.experiment.description == "piped"


@pytest.mark.usefixtures("desk")
def test_a_file_that_is_too_large_for_a_document_is_not_read() -> None:
    with Path("sparse.xml").open("wb") as sparse:
        sparse.truncate(1 << 40)

    assert load_file("sparse.xml") == (
        "sparse.xml:0: error: cannot read 'sparse.xml': it is larger than 256 mib"
    )


def test_a_file_of_no_size_has_to_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 1 << 20)

    assert "it is larger than 1 mib" in load_file("/proc/self/pagemap")


def test_the_name_of_a_file_stays_on_its_line(desk: Desk) -> None:
    desk.write("odd\n\u202e.xml", "<oops/>")

    (error,) = desk.errors('<experiment><include file="odd&#10;\u202e.xml"/></experiment>')

    assert error == "odd\\n\\u202e.xml:1: error: the document is a <oops>, not an <experiment>"


def test_a_destination_that_is_too_long_a_name_is_no_directory(desk: Desk) -> None:
    long = "y" * 300
    put = with_tasks(f'<put source="gone" destination="{long}"/>')
    get = with_tasks(
        f'<get source="$GPLMT_STEP" destination="{long}"/>',
        targets=LOCAL + LOCAL.replace('"a"', '"b"'),
        words="a b",
    )

    (error,) = desk.errors(put)
    assert "'gone', does not exist" in error
    (warning,) = desk.warnings(get)
    assert "for several targets" in warning


def test_a_pattern_of_very_many_parts_matches_nothing(desk: Desk) -> None:
    (warning,) = desk.warnings(with_tasks(f'<put source="{"*/" * 500}x" destination="y"/>'))

    assert "matches nothing" in warning


def test_a_source_of_very_many_parts_is_nowhere(desk: Desk) -> None:
    (error,) = desk.errors(with_tasks(f'<put source="{"d/" * 100_000}x" destination="y"/>'))

    assert "the source of put 'put-1'" in error
