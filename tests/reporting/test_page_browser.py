"""The report page in a real browser, opened from disk."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlsplit

import pytest
from selenium.webdriver.common.keys import Keys

from benchmarks.made_records import make_run
from gplmt.reporting.page import write_report
from gplmt.reporting.recorded import RecordedRun
from tests.reporting.browser import Browser, open_browser
from tests.reporting.test_page_file import HOSTILE
from tests.support.program import Program, document, until

TASKLISTS = """
<tasklist name="build" on-error="continue">
<run name="make" expected-status="0">echo making
test $GPLMT_TARGET != bob || { echo 'no rule' &gt;&amp;2; exit 2; }</run>
<run name="check">true</run>
</tasklist>
<tasklist name="wait"><run name="long">sleep 0.4</run></tasklist>
<tasklist name="odd"><run name="words" expected-status="0">cat hostile; exit 1</run></tasklist>
"""
STEPS = """
<step name="build" tasklist="build" targets="alice bob carol"/>
<synchronize/>
<step name="wait" tasklist="wait" targets="alice" start_relative="PT0.1S"/>
<synchronize/>
<step name="odd" tasklist="odd" targets="carol"/>
"""
_CTRL = 2  # as the DevTools protocol counts modifiers
ROW_OF_TASKS = "#task-table tbody tr:not(.gap)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(autouse=True)
def no_complaints(browser: Browser) -> Iterator[None]:
    """No test may have anything told on the console."""
    browser.complaints()
    yield
    assert browser.complaints() == []


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page about a run with failures on two of three targets, and with hostile output."""
    with Program(tmp_path_factory.mktemp("report")) as program:
        (program.work / "hostile").write_bytes(f"{HOSTILE}\n\x1b[31m\xff\0".encode("latin-1"))
        running = program.run(document(targets="alice bob carol", tasklists=TASKLISTS, steps=STEPS))
        assert running.exit_code == 1
        path = running.run_directory / "report.html"
        write_report(RecordedRun(running.run_directory), path)
        return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page about a run with ten tasks on each of a thousand targets."""
    directory = make_run(tmp_path_factory.mktemp("large"), targets=1000, tasks=10)
    write_report(RecordedRun(directory), directory / "report.html")
    return directory / "report.html"


def test_it_tells_the_outcome_and_the_failures_first(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.texts("#outcome") == ["✗ failed"]
    tiles = dict(zip(browser.texts(".tiles small"), browser.texts(".tiles b"), strict=True))
    assert (tiles["failures"], tiles["targets"], tiles["tasks"]) == ("2", "3", "8")
    assert browser.texts("section h2")[0] == "Failures"
    assert browser.texts(".failure summary > b") == ["run build.make", "run odd.words"]
    assert browser.texts(".failure .tail pre")[:2] == ["no rule", "making"]


def test_links_lead_to_the_logs(browser: Browser, report: Path) -> None:
    browser.open(report)
    links = cast(
        list[str], browser.run("return [...document.querySelectorAll('a')].map((a) => a.href)")
    )
    files = {Path(unquote(urlsplit(link).path)) for link in links}
    assert len(files) >= 16
    assert [file for file in files if not file.is_file()] == []


def test_hostile_output_is_shown_and_does_nothing(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.run("return window.hacked") is None
    assert browser.count("img") == 0
    assert browser.texts(".failure .tail pre")[-1] == f"{HOSTILE} \ufffd\ufffd"


def test_the_filter_leaves_what_matches_in_table_and_timeline(
    browser: Browser, report: Path
) -> None:
    browser.open(report)
    assert browser.texts("#shown") == ["8 tasks"]
    before = picture(browser)
    browser.type("#search", "BUILD bob")
    browser.until(lambda: browser.texts("#shown") == ["2 of 8 tasks"])
    assert browser.texts(f"{ROW_OF_TASKS} .of-task") == ["build.make", "build.check"]
    browser.until(lambda: picture(browser) != before)
    browser.find(".chip[data-outcome=failed]").click()
    browser.until(lambda: browser.texts("#shown") == ["1 of 8 tasks"])
    browser.type("#search", "nothing like it")
    browser.until(lambda: browser.texts(".nothing") == ["Nothing matches."])
    browser.find("#clear").click()
    browser.until(lambda: browser.texts("#shown") == ["8 tasks"])


def test_failures_and_lines_of_the_experiment_lead_to_their_tasks(
    browser: Browser, report: Path
) -> None:
    browser.open(report)
    browser.find(".failure .actions button").click()
    browser.until(lambda: browser.texts("#shown") == ["1 of 8 tasks"])
    assert browser.texts(f"{ROW_OF_TASKS} .of-target") == ["bob"]
    marks = browser.texts(".listing li.is-marked .marks")
    assert marks[:3] == ["✓ 2✗ 1", "✓ 2✗ 1", "✓ 3"]  # the tasklist and its two runs
    browser.run("document.querySelectorAll('.mark')[2].click()")
    browser.until(lambda: browser.texts("#shown") == ["3 of 8 tasks"])
    assert {*browser.texts(f"{ROW_OF_TASKS} .of-task")} == {"build.check"}


def test_the_table_sorts_by_any_column_both_ways(browser: Browser, report: Path) -> None:
    browser.open(report)
    began = browser.texts(f"{ROW_OF_TASKS} .of-begin")
    assert began == sorted(began)
    for key, first, last in (("target", "alice", "carol"), ("outcome", "✗ failed", "✓ ok")):
        browser.find(f"#task-table .of-{key} button").click()
        until_sorted(browser, key, "ascending")
        cells = browser.texts(f"{ROW_OF_TASKS} .of-{key}")
        assert (cells[0], cells[-1]) == (first, last)
        browser.find(f"#task-table .of-{key} button").click()
        until_sorted(browser, key, "descending")
        cells = browser.texts(f"{ROW_OF_TASKS} .of-{key}")
        assert (cells[0], cells[-1]) == (last, first)


def test_steps_show_plan_and_skew(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.texts("#step-table tbody .of-step") == ["build", "wait", "odd"]
    delay = browser.texts("#step-table tbody .of-delay")
    assert [bool(text) for text in delay] == [False, True, False]
    skew = browser.texts("#step-table tbody .of-skew")
    assert [bool(text) for text in skew] == [True, False, False]


def test_the_timeline_zooms_by_buttons_and_by_the_wheel(browser: Browser, report: Path) -> None:
    browser.open(report)
    whole = seen(browser)
    before = picture(browser)
    browser.find("#zoom-in").click()
    browser.until(lambda: seen(browser) == pytest.approx(whole / 2, rel=0.1))
    browser.until(lambda: picture(browser) != before)
    browser.find("#zoom-out").click()
    browser.until(lambda: seen(browser) == whole)
    browser.reveal("#chart")
    turn_wheel(browser)
    browser.until(lambda: seen(browser) < whole)
    browser.find("#zoom-all").click()
    browser.until(lambda: seen(browser) == whole)


def test_a_bar_tells_what_it_is_under_the_pointer_and_more_when_clicked(
    browser: Browser, report: Path
) -> None:
    browser.open(report)
    browser.type("#search", "wait.long")
    browser.until(lambda: browser.texts("#shown") == ["1 of 8 tasks"])
    chart = browser.reveal("#chart")
    size = chart.size
    row = size["height"] / 2 - 76 - 12  # the only row, above the time axis and its slider
    right = int(size["width"] * 0.2)
    browser.pointer().move_to_element_with_offset(chart, right, int(row)).perform()
    told = "alice: wait.long✓ ok after "
    browser.until(lambda: [tip for tip in browser.texts("#tip") if tip.startswith(told)])
    browser.pointer().click().perform()
    browser.until(lambda: browser.count("#details"))
    assert browser.texts("#details h3") == ["✓ ok run wait.long on alice out err"]
    browser.find("body").send_keys(Keys.ESCAPE)
    browser.until(lambda: not browser.count("#details"))


def test_it_is_as_light_or_dark_as_the_user_likes_it(browser: Browser, report: Path) -> None:
    browser.open(report, theme="light")
    light = picture(browser)
    assert brightness(browser) > 0.9
    browser.prefer("dark")
    browser.until(lambda: brightness(browser) < 0.05)
    browser.until(lambda: picture(browser) != light)
    for theme in ("dark", "light"):
        browser.prefer(theme)
        for selector in ("body", "small", ".hint", "a", ".outcome", "#outcome"):
            assert contrast(browser, selector) >= 4.5, (theme, selector)


@pytest.mark.parametrize("width", [400, 1600])
def test_nothing_is_wider_than_the_window(browser: Browser, report: Path, width: int) -> None:
    browser.open(report, width=width)
    browser.find("#chart canvas")
    hidden = "const all = document.documentElement; return all.scrollWidth - all.clientWidth"
    assert browser.run(hidden) == 0


def test_print_has_all_rows_and_is_light(browser: Browser, large: Path) -> None:
    browser.open(large, theme="dark")
    assert browser.count(ROW_OF_TASKS) < 100
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.count(ROW_OF_TASKS) == 1000
    assert brightness(browser) > 0.9
    browser.run("dispatchEvent(new Event('afterprint'))")
    browser.until(lambda: browser.count(ROW_OF_TASKS) < 100)


def test_a_run_that_has_not_ended_has_a_page(browser: Browser, program: Program) -> None:
    text = document(
        tasklists='<tasklist name="t"><run name="a">touch begun; exec sleep 60</run></tasklist>',
        steps='<step name="s" tasklist="t" targets="n1"/>',
    )
    running = program.start(text).until_there("begun")
    path = program.scratch / "elsewhere.html"
    write_report(RecordedRun(running.run_directory), path)
    browser.open(path)
    assert browser.texts("#outcome") == ["… running"]
    assert browser.texts(f"{ROW_OF_TASKS} .of-outcome") == ["… running"]
    assert browser.texts(f"{ROW_OF_TASKS} .of-length") == ["…"]
    running.send(signal.SIGKILL).wait()
    until(lambda: not running.survivors())
    write_report(RecordedRun(running.run_directory), path)
    browser.open(path)
    assert browser.texts("#outcome") == ["… not ended"]


def test_a_thousand_targets_with_ten_tasks_can_be_worked_with(
    browser: Browser, large: Path
) -> None:
    browser.open(large)
    assert browser.texts("#shown") == ["9,790 tasks"]
    assert browser.count("*") < 10_000
    assert browser.texts(".failure .tags span")[0] == "35 targets"
    assert len(browser.texts(".failure .tail pre")) == 1

    browser.run("const table = arguments[0]; table.scrollTop = table.scrollHeight", table(browser))
    browser.until(lambda: browser.texts(f"{ROW_OF_TASKS} .of-begin")[-1].startswith("1:"))
    assert browser.count(ROW_OF_TASKS) < 100

    for press in ("#zoom-in", "#zoom-all", "#task-table .of-target button"):
        assert seconds_until_drawn(browser, press) < 2, press
    browser.type("#search", "node0870")
    browser.until(lambda: browser.texts("#shown") == ["4 of 9,790 tasks"])
    browser.find("#clear").click()
    browser.find(".chip[data-outcome=failed]").click()
    browser.until(lambda: browser.texts("#shown") == ["35 of 9,790 tasks"])


def table(browser: Browser) -> object:
    return browser.find("#task-table")


def picture(browser: Browser) -> str:
    """What the timeline looks like now."""
    return cast(str, browser.run("return document.querySelector('#chart canvas').toDataURL()"))


def seen(browser: Browser) -> float:
    """How many seconds the timeline shows."""
    (text,) = browser.texts("#range")
    begin, end = (float(moment.removesuffix(" s")) for moment in re.split(" \\W ", text))
    return end - begin


def until_sorted(browser: Browser, key: str, way: str) -> None:
    """Wait until the table of tasks is sorted by that column."""
    browser.until(
        lambda: browser.find(f"#task-table th.of-{key}").get_attribute("aria-sort") == way
    )


def turn_wheel(browser: Browser) -> None:
    """Turn the wheel with Ctrl held, in the middle of the timeline."""
    script = (
        "const box = document.getElementById('chart').getBoundingClientRect();"
        "return [box.x + box.width / 2, box.y + box.height / 2]"
    )
    x, y = cast(list[float], browser.run(script))
    browser.command(
        "Input.dispatchMouseEvent",
        type="mouseWheel",
        x=x,
        y=y,
        deltaX=0,
        deltaY=-120,
        modifiers=_CTRL,
    )


def seconds_until_drawn(browser: Browser, selector: str) -> float:
    """How long the browser is busy with a click."""
    script = (
        "const [button, done] = arguments; const begin = performance.now(); button.click();"
        "requestAnimationFrame(() => setTimeout(() => done((performance.now() - begin) / 1000)))"
    )
    return cast(float, browser.run_until_done(script, browser.find(selector)))


def colour(browser: Browser, element: str, of: str) -> tuple[float, float, float]:
    script = f"return getComputedStyle(document.querySelector(arguments[0])).{of}"
    text = cast(str, browser.run(script, element))
    red, green, blue = (int(number) / 255 for number in re.findall(r"\d+", text)[:3])
    return red, green, blue


def luminance(shares: tuple[float, float, float]) -> float:
    """The relative luminance of WCAG 2."""
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def brightness(browser: Browser) -> float:
    return luminance(colour(browser, "body", "backgroundColor"))


def contrast(browser: Browser, selector: str) -> float:
    """Between a text and the page behind it, as WCAG 2 defines it."""
    one, other = luminance(colour(browser, selector, "color")), brightness(browser)
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
