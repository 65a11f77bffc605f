"""Where the password for an API comes from, and that it goes nowhere else (LANGUAGE.md 4.4)."""

from __future__ import annotations

import pytest

from gplmt.errors import SetupError
from tests.targets.bench import STEP, Bench, slice_target
from tests.targets.servers import PASSWORD, USER, Plc

SLICES = {"s": {1: "a.example"}, "other": {2: "b.example"}}
IN_FILE = "<password> in the file </password>"


class Terminal:
    """Somebody who types the same whatever is asked."""

    def __init__(self, typed: str | None = PASSWORD) -> None:
        self.prompts: list[str] = []
        self._typed = typed

    def ask(self, prompt: str) -> str | None:
        self.prompts.append(prompt)
        return self._typed


def passwords(plc: Plc) -> set[str]:
    return {login["AuthString"] for _, login, _, _ in plc.calls}


def test_the_element_comes_before_the_variable_and_both_before_a_prompt(bench: Bench) -> None:
    terminal = Terminal()
    variable = {"GPLMT_PLANETLAB_PASSWORD": "in the variable"}
    with Plc(SLICES) as plc:
        for more, environment, expected in (
            (IN_FILE, variable, "in the file"),
            ("", variable, "in the variable"),
            ("<password> </password>", variable, "in the variable"),
        ):
            plc.calls.clear()
            with pytest.raises(SetupError, match="fault 103"):
                bench.resolve(
                    slice_target(plc.url, more=more),
                    environment=environment,
                    ask_secret=terminal.ask,
                )
            assert passwords(plc) == {expected}
    assert terminal.prompts == []


@pytest.mark.parametrize("environment", [{}, {"GPLMT_PLANETLAB_PASSWORD": ""}])
def test_who_is_at_the_terminal_is_asked_where_nothing_is_set(
    bench: Bench, environment: dict[str, str]
) -> None:
    terminal = Terminal()
    with Plc(SLICES) as plc:
        bench.resolve(slice_target(plc.url), environment=environment, ask_secret=terminal.ask)
    assert terminal.prompts == [f"Password of {USER} at {plc.url}: "]
    assert passwords(plc) == {PASSWORD}


def test_each_user_of_an_api_is_asked_for_once(bench: Bench) -> None:
    terminal = Terminal()
    with Plc(SLICES) as plc, Plc(SLICES) as another:
        targets = (
            slice_target(plc.url),
            slice_target(plc.url, name="o", slice_name="other"),
            slice_target(plc.url, name="bob", user="bob"),
            slice_target(another.url, name="elsewhere"),
            slice_target(
                another.url, name="known", user="eve", more=f"<password>{PASSWORD}</password>"
            ),
        )
        bench.resolve("".join(targets), environment={}, ask_secret=terminal.ask)
    assert terminal.prompts == [
        f"Password of {USER} at {plc.url}: ",
        f"Password of bob at {plc.url}: ",
        f"Password of {USER} at {another.url}: ",
    ]


@pytest.mark.parametrize("ask_secret", [None, Terminal(None).ask])
def test_without_a_password_the_api_is_not_asked_and_what_to_set_is_told(
    bench: Bench, ask_secret: None
) -> None:
    with Plc(SLICES) as plc, pytest.raises(SetupError) as caught:
        bench.resolve(slice_target(plc.url), environment={}, ask_secret=ask_secret)
    assert str(caught.value) == (
        f"lab.xml:2: error: target 'slice': no password for user '{USER}' of the API {plc.url} "
        "is given; set GPLMT_PLANETLAB_PASSWORD"
    )
    assert plc.calls == []


def test_a_missing_password_is_told_with_the_faults_of_other_apis(bench: Bench) -> None:
    given = f"<password>{PASSWORD}</password>"
    with Plc({}) as plc:
        targets = f"{slice_target(plc.url)}\n{slice_target(plc.url, name='known', more=given)}"
        with pytest.raises(SetupError) as caught:
            bench.resolve(targets, environment={})
    first, second = str(caught.value).splitlines()
    assert "no password for user" in first
    assert "knows no slice 's'" in second


def test_a_password_that_cannot_be_sent_is_told(bench: Bench) -> None:
    environment = {"GPLMT_PLANETLAB_PASSWORD": "p\udcff"}  # as a byte that is no UTF-8 comes
    with Plc(SLICES) as plc, pytest.raises(SetupError) as caught:
        bench.resolve(slice_target(plc.url), STEP, environment=environment)
    assert str(caught.value).endswith(
        f"the password for the API {plc.url} is not UTF-8; set it in that encoding"
    )


def test_a_password_of_any_characters_arrives(bench: Bench) -> None:
    odd = "<&>\"' \u00e9\u4e2d ]]>"
    with Plc(SLICES) as plc, pytest.raises(SetupError) as caught:
        bench.resolve(slice_target(plc.url), environment={"GPLMT_PLANETLAB_PASSWORD": odd})
    assert passwords(plc) == {odd}
    assert odd not in str(caught.value)
    assert "Failed to authenticate call: ***?" in str(caught.value)
