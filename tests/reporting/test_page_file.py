"""The report page as a file: whole, harmless, and in need of nothing else."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import time
from pathlib import Path

import pytest

import gplmt.reporting.page as page_package
from benchmarks.made_records import make_run
from gplmt.cli.main import main
from gplmt.errors import LogError
from gplmt.reporting.page import render_report, write_report
from gplmt.reporting.page.model import Texts
from gplmt.reporting.page.outputs import Tails, as_link, is_log, shortened
from gplmt.reporting.recorded import RecordedRun
from tests.reporting.conftest import Recorded
from tests.reporting.page_reading import Elements, Page
from tests.support.program import ROOT, one

ASSETS = Path(page_package.__file__).parent / "assets"
HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
LOADING = {"src", "srcset", "href", "action", "data", "poster", "background", "xlink:href"}
FAILING = '<run expected-status="0">echo out; echo err &gt;&amp;2; exit 1</run>'


def test_the_page_loads_nothing_and_allows_nothing_from_elsewhere(recorded: Recorded) -> None:
    elements = Elements(render_report(recorded(one("<run>true</run>"))).decode())
    tags = [tag for tag, _ in elements.found]
    assert [tag for tag in tags if tag in ("link", "iframe", "img", "object", "base")] == []
    assert [names for _, names in elements.found if LOADING & names.keys()] == []
    (policy,) = [
        names["content"] or ""
        for _, names in elements.found
        if names.get("http-equiv") == "Content-Security-Policy"
    ]
    (nonce,) = re.findall(r"script-src 'nonce-(\w{32})'", policy)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "script-src": f"'nonce-{nonce}'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    scripts = [names for tag, names in elements.found if tag == "script"]
    assert [script.get("nonce") for script in scripts] == [None, nonce, nonce]


def test_no_page_has_the_nonce_of_another(recorded: Recorded) -> None:
    run = recorded(one("<run>true</run>"))
    nonces = {re.findall(rb"'nonce-(\w+)'", render_report(run))[0] for _ in range(3)}
    assert len(nonces) == 3


def test_hostile_words_stay_words(recorded: Recorded) -> None:
    words = HOSTILE.replace("<", "&lt;")
    text = (
        f"<experiment><description>{words}</description><targets>"
        '<target name="n1" type="local"/></targets><tasklists><tasklist name="t" '
        f'on-error="continue"><get source="{words}" destination="there/"/>'
        f'<run expected-status="0">printf "%s" "{words}"; printf "\\377\\000\\033[2J"; exit 1'
        '</run></tasklist></tasklists><steps><step tasklist="t" targets="n1"/></steps>'
        "</experiment>"
    )
    run = recorded(text, exit_code=1)
    page = Page.of(run)
    scripts = [tag for tag, _ in Elements(page.text).found if tag == "script"]
    assert len(scripts) == 3
    assert page.data.run.description == HOSTILE
    assert HOSTILE in page.text_of(page.data.failures[0].reason)
    (tail,) = [tail for row in page.data.failures for tail in page.tails(row).values()]
    assert tail == f"{HOSTILE}\ufffd\ufffd"


def test_a_hostile_name_of_an_experiment_stays_a_name(tmp_path: Path) -> None:
    file = tmp_path / "&lt;<title>.xml"
    file.write_text(one("<run>true</run>"))
    root = tmp_path / "runs"
    words = ["run", str(file), "--quiet", "--no-report", "--logroot-dir", str(root)]
    assert main(words) == 0
    page = Page.at(root / "latest")
    titles = [text for tag, text in Elements(page.text).texts if tag == "title"]
    assert titles[0] == "&lt;<title>: ok"
    assert page.data.run.experiment == "&lt;<title>"


def test_a_record_that_names_other_files_as_logs_shows_none_of_them(recorded: Recorded) -> None:
    run = recorded(one(FAILING), exit_code=1)
    (run.path.parent / "secret").write_text("secret words")
    (run.path / "sources" / "lab.xml").unlink()
    events = run.path / "events.jsonl"
    changed = events.read_text().replace("logs/n1/0001-t.run-1.err", "logs/../../secret")
    events.write_text(changed.replace("logs/n1/0001-t.run-1.out", "javascript:alert(1)"))
    page = Page.at(run.path)
    assert [(row.logs, row.tails) for row in page.data.failures] == [([], [])]
    assert [task.log for task in page.tasks] == [""]
    assert "secret words" not in page.text
    assert is_log("logs/n1/0001-t.run-1.err")
    assert not any(map(is_log, ("/etc/passwd", "logs/n1", "logs/a/b/c", "logs/../x", "logs/a/..")))


def test_sources_with_odd_names_and_encodings_are_shown(recorded: Recorded) -> None:
    run = recorded(one("<run>true</run>"))
    sources = os.fsencode(run.path / "sources")
    for name, content in {
        b"\xff.xml": b"<odd/>",
        b"latin.xml": b'<?xml version="1.0" encoding="latin-1"?>\r<\xe4/>',
        b"wide.xml": "<ü/>".encode("utf-16"),
        b"wrong.xml": b'<?xml version="1.0" encoding="hex"?>\xff\0',
    }.items():
        Path(os.fsdecode(sources + b"/" + name)).write_bytes(content)
    texts = {source.name: source.text for source in Page.of(run).data.sources}
    assert list(texts) == ["lab.xml", "latin.xml", "wide.xml", "wrong.xml", "\ufffd.xml"]
    assert texts["latin.xml"].splitlines()[1] == "<ä/>"
    assert texts["wide.xml"] == "<ü/>"
    assert texts["wrong.xml"] == '<?xml version="1.0" encoding="hex"?>\ufffd\ufffd'
    links = {source.link for source in Page.of(run).data.sources}
    assert "sources/%FF.xml" in links


def test_huge_lines_and_long_words_are_cut(recorded: Recorded) -> None:
    text = one('<run expected-status="0">head -c 3000000 /dev/zero | tr "\\0" x; exit 1</run>')
    page = Page.of(recorded(text, exit_code=1))
    (tail,) = page.tails(page.data.failures[0]).values()
    assert tail == "x" * 4000
    assert shortened("y" * 5000) == "y" * 2000 + " … (5000 characters)"


def test_tails_end_where_they_would_be_too_much_for_a_page(tmp_path: Path) -> None:
    directory = tmp_path / "logs" / "n1"
    directory.mkdir(parents=True)
    names = [f"logs/n1/{number:04}-t.out" for number in range(400)]
    for number, name in enumerate(names):
        (tmp_path / name).write_text(f"{number:04}" + "z" * 3900)
    texts = Texts()
    tails = Tails(tmp_path, texts)
    shown = [name for name in names if tails.of([name])]
    assert shown == names[: len(shown)]
    assert 1_000_000 <= sum(map(len, texts.all())) <= 1_010_000


def test_alike_tails_are_written_once(tmp_path: Path) -> None:
    run = RecordedRun(make_run(tmp_path, targets=100, tasks=3))
    page = Page.of(run)
    assert len(page.data.failures) == 4
    assert page.text.count("probe: cannot open net0") == 1


def test_the_file_replaces_an_old_one_whole_and_leaves_nothing_beside_it(
    recorded: Recorded,
) -> None:
    run = recorded(one("<run>true</run>"))
    path = run.path / "report.html"
    path.write_text("old")
    before = {*run.path.iterdir()}
    write_report(run, path)
    assert path.read_bytes().startswith(b"<!DOCTYPE html>")
    assert {*run.path.iterdir()} == before


def test_a_file_that_cannot_be_written_whole_leaves_the_old_one(
    recorded: Recorded, tmp_path: Path
) -> None:
    run = recorded(one("<run>true</run>"))
    path = tmp_path / "report.html"
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(LogError, match=r"cannot write .*report\.html: file too large"):
            write_report(run, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert not list(tmp_path.glob(".report*"))


def test_links_lead_into_the_run_directory_from_wherever_the_page_is(
    recorded: Recorded, tmp_path: Path
) -> None:
    run = recorded(one(FAILING), exit_code=1)
    elsewhere = tmp_path / "else where" / "ünd"
    elsewhere.mkdir(parents=True)
    write_report(run, elsewhere / "page.html")
    way = Page((elsewhere / "page.html").read_bytes()).data.run.to_run_directory
    assert way == f"../../gplmt-runs/{run.manifest.run_id}/"
    write_report(run, run.path / "report.html")
    assert Page((run.path / "report.html").read_bytes()).data.run.to_run_directory == ""
    assert as_link("a b/ü?#%") == "a%20b/%C3%BC%3F%23%25"


def test_the_command_writes_the_page_and_says_where(
    recorded: Recorded, capfd: pytest.CaptureFixture[str]
) -> None:
    run = recorded(one(FAILING), exit_code=1)
    assert main(["report", "gplmt-runs/latest"]) == 0
    assert capfd.readouterr() == ("wrote gplmt-runs/latest/report.html\n", "")
    assert Page((run.path / "report.html").read_bytes()).data.run.outcome == "failed"
    assert main(["report", "gplmt-runs/latest", "--output", "page.html"]) == 0
    assert capfd.readouterr().out == "wrote page.html\n"
    assert main(["report", "gplmt-runs/latest", "--output", "-"]) == 0
    assert Page(capfd.readouterr().out.encode()).data.run.run_id == run.manifest.run_id


def test_the_command_writes_junit_xml(
    recorded: Recorded, capfd: pytest.CaptureFixture[str]
) -> None:
    run = recorded(one(FAILING), exit_code=1)
    assert main(["report", "gplmt-runs/latest", "--format", "junit"]) == 0
    assert capfd.readouterr().out == "wrote gplmt-runs/latest/junit.xml\n"
    assert (run.path / "junit.xml").read_text().startswith("<?xml")


def test_the_command_says_what_is_wrong(
    recorded: Recorded, capfd: pytest.CaptureFixture[str]
) -> None:
    run = recorded(one("<run>true</run>"))
    assert main(["report", "nowhere"]) == 2
    assert "nowhere is no run directory" in capfd.readouterr().err
    assert main(["report", "gplmt-runs/latest", "-o", "no/such/place.html"]) == 1
    assert (
        capfd.readouterr().err
        == "gplmt: error: cannot write no/such/place.html: no such file or directory\n"
    )
    (run.path / "events.jsonl").write_text("nonsense\n")
    assert main(["report", "gplmt-runs/latest"]) == 2
    assert "events.jsonl:1: error: not an event of gplmt" in capfd.readouterr().err


def test_a_device_is_written_to_and_not_replaced(recorded: Recorded, tmp_path: Path) -> None:
    run = recorded(one("<run>true</run>"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    copy = tmp_path / "copy"
    with copy.open("wb") as file:
        reader = subprocess.Popen(["cat", pipe], stdout=file)  # noqa: S603, S607
        write_report(run, pipe)
        assert reader.wait(10) == 0
    assert Page(copy.read_bytes()).data.run.run_id == run.manifest.run_id
    assert pipe.is_fifo()


def test_a_thousand_targets_with_ten_tasks_are_written_quickly_and_small(tmp_path: Path) -> None:
    directory = make_run(tmp_path, targets=1000, tasks=10)
    began = time.monotonic()
    run = RecordedRun(directory)
    write_report(run, directory / "report.html")
    assert time.monotonic() - began < 5
    assert (directory / "report.html").stat().st_size < 2_500_000
    assert Page.of(run).data.task_count == 10_000 - 35 * 6


def test_the_page_of_a_small_run_is_small(recorded: Recorded) -> None:
    run = recorded(one("<run>true</run>"))
    assert len(render_report(run)) < 700_000


def test_the_libraries_are_those_that_are_pinned_with_their_licences() -> None:
    wanted = json.loads((ROOT / "tools/report_libraries/package.json").read_text())
    head, end, code = (ASSETS / "libraries.js").read_text().partition("*/\n")
    assert end
    for name, version in wanted["dependencies"].items():
        assert f"======== {name} {version}\n" in head
    for words in ("Apache License", "BSD 3-Clause", "The MIT License", "zrender"):
        assert words in head
    assert "</script" not in code.lower()
    locked = json.loads((ROOT / "tools/report_libraries/package-lock.json").read_text())
    assert [each for each in locked["packages"].values() if "resolved" in each] == []


def test_every_script_and_style_is_in_the_page(recorded: Recorded) -> None:
    page = render_report(recorded(one("<run>true</run>")))
    files = [file for file in ASSETS.iterdir() if file.suffix in (".js", ".css")]
    assert [file.name for file in files if file.read_bytes() not in page] == []
