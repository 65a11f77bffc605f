"""Digits of other scripts, which Python takes for numbers and XML Schema does not."""

from __future__ import annotations

import pytest

from tests.loading.conftest import Desk

THREE = "\N{ARABIC-INDIC DIGIT THREE}"


@pytest.mark.parametrize(
    ("steps", "tasks"),
    [
        (f'<step tasklist="t" targets="a" min-success="{THREE}"/>', ""),
        (f'<step tasklist="t" targets="a" min-success="{THREE}%"/>', ""),
        (f'<step tasklist="t" targets="a" max-parallel="{THREE}"/>', ""),
        (f'<step tasklist="t" targets="a" stop_relative="PT{THREE}S"/>', ""),
        (f'<step tasklist="t" targets="a" start_absolute="203{THREE}-01-31T18:00:00"/>', ""),
        (f'<loop repeat="{THREE}"><step tasklist="t" targets="a"/></loop>', ""),
        ("", f'<run expected-status="{THREE}">true</run>'),
        ("", f'<run retries="{THREE}">true</run>'),
        ("", f'<wait-for port="{THREE}"/>'),
    ],
)
def test_they_are_refused_in_our_own_words(desk: Desk, steps: str, tasks: str) -> None:  # 12.2
    (error, *others) = desk.errors(
        '<experiment><targets><target name="a" type="local"/></targets><tasklists>'
        f'<tasklist name="t">{tasks}</tasklist></tasklists><steps>{steps}</steps></experiment>'
    )
    assert others == []
    assert THREE in error
    assert "the schema refuses" not in error
